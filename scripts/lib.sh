# shellcheck shell=bash
# What the scripts share: where things are, which versions of the tools count, how to get them.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
[[ $target = /* ]] || target=$root/$target
tools=$target/tools

# Exact versions: a tool that changes by itself makes a red run that nobody's change explains.
NEXTEST_VERSION=0.9.143
DENY_VERSION=0.20.2
TYPESCRIPT_VERSION=7.0.2
AXE_VERSION=4.14.1
STANDARDWEBHOOKS_VERSION=1.1.1
OIDC_PROVIDER_VERSION=9.13.3
# The last that runs on the Node of Debian 12.
LIGHTHOUSE_VERSION=12.8.2
CARGO_DEB_VERSION=3.8.0
CYCLONEDX_VERSION=0.5.9
CARGO_FUZZ_VERSION=0.13.2
# What it stands on is pinned in schemathesis.txt.
SCHEMATHESIS_VERSION=4.32.5

say() { printf '%s\n' "$*" >&2; }
die() { say "error: $*"; exit 1; }

# Runs a command as root: as we are, or through sudo where that asks no password.
as_root() {
    if [[ $(id -u) = 0 ]]; then "$@"
    elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then sudo -n "$@"
    else return 1
    fi
}

# Doorkey's version.
version() { sed -n 's/^version = "\(.*\)"$/\1/p' "$root/Cargo.toml" | head -1; }

# Who answers for what is handed out, and reads what people report: NAME <ADDRESS>. It stands in Cargo.toml
# alone, so a fork sets it there.
maintainer() { sed -n 's/^maintainer = "\(.*\)"$/\1/p' "$root/Cargo.toml" | head -1; }

# The time that stands in packages, in seconds: that of the commit, so that who builds it again gets
# the same.
source_date() { echo "${SOURCE_DATE_EPOCH:-$(git -C "$root" log -1 --format=%ct 2>/dev/null || date +%s)}"; }

# program_papers BINARY FOLDER: the manual page and the completions that the program prints.
program_papers() {
    "$1" man > "$2/doorkey.1"
    for shell in bash fish zsh; do "$1" completions "$shell" > "$2/doorkey.$shell"; done
}

# newest_glibc BINARY: the glibc that it needs at least.
newest_glibc() { grep -aoE 'GLIBC_[0-9]+\.[0-9]+' "$1" | sort -uV | tail -1 | cut -d_ -f2; }

# The directory of the newest PostgreSQL server programs; Debian keeps them off the PATH.
postgres_bin() {
    local dir
    dir=$(find /usr/lib/postgresql -mindepth 2 -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -1)
    if [[ -x $dir/initdb ]]; then echo "$dir"
    elif command -v initdb >/dev/null; then dirname "$(command -v initdb)"
    else return 1
    fi
}

# Prints the Debian packages of those we need that are missing here, one a line.
missing_packages() {
    [[ -x /usr/bin/chromium ]] || echo chromium
    [[ -x /usr/bin/chromedriver ]] || echo chromium-driver
    postgres_bin >/dev/null || echo postgresql
    /usr/bin/python3 -c 'import aiosmtpd' 2>/dev/null || echo python3-aiosmtpd
    /usr/bin/python3 -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv
    command -v openssl >/dev/null || echo openssl
    command -v curl >/dev/null || echo curl
    /usr/bin/python3 -c 'import seccomp' 2>/dev/null || echo python3-seccomp
    command -v systemd-analyze >/dev/null || echo systemd
    [[ -x /usr/sbin/debootstrap ]] || echo debootstrap
    command -v buildah >/dev/null || echo buildah
    [[ -x /usr/bin/pebble && -x /usr/bin/pebble-challtestsrv ]] || echo pebble
    [[ -x /usr/sbin/mariadbd && -x /usr/bin/mariadb ]] || echo mariadb-server
    command -v cc >/dev/null || echo gcc
    command -v npm >/dev/null || echo npm
    [[ -d /usr/share/fonts/truetype/noto && -n $(find /usr/share/fonts/truetype/noto -name 'NotoNaskhArabic-Regular.*') ]] \
        || echo fonts-noto-core
    [[ -e /usr/share/fonts/truetype/noto/NotoColorEmoji.ttf ]] || echo fonts-noto-color-emoji
}

install_packages() {
    local missing
    mapfile -t missing < <(missing_packages)
    [[ ${#missing[@]} -gt 0 ]] || return 0
    say "installing ${missing[*]}"
    command -v apt-get >/dev/null \
        || die "missing here: ${missing[*]} (Debian's names); install them and run this again"
    as_root apt-get update -qq \
        || die "missing here: ${missing[*]}; install them as root: apt-get install ${missing[*]}"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        "${missing[@]}" >/dev/null
    mapfile -t missing < <(missing_packages)
    [[ ${#missing[@]} -eq 0 ]] || die "still missing after installing: ${missing[*]}"
}

# cargo_tool NAME VERSION: a cargo subcommand of exactly that version, under target/tools unless
# the machine has it.
cargo_tool() {
    local name=$1 version=$2
    [[ $("cargo-$name" "$name" --version 2>/dev/null | head -1) = *" $version"* ]] && return 0
    say "installing cargo-$name $version (some minutes)"
    # A build directory of its own, so that it never waits for a build of Doorkey.
    env -u CARGO_TARGET_DIR cargo install --quiet --locked --root "$tools" "cargo-$name@$version"
}

# promtool out of Debian's package of Prometheus, whose server and pages are not needed here.
promtool_tool() {
    command -v promtool >/dev/null && return 0
    command -v apt-get >/dev/null || { say "promtool is missing; its tests say so"; return 0; }
    mkdir -p "$tools/bin" "$tools/deb"
    (
        cd "$tools/deb"
        apt-get download -qq prometheus 2>/dev/null \
            || { as_root apt-get update -qq && apt-get download -qq prometheus; }
        dpkg-deb --fsys-tarfile prometheus_*.deb | tar -x --to-stdout ./usr/bin/promtool \
            > "$tools/bin/promtool.part"
    ) || { say "promtool cannot be had; its tests say so"; return 0; }
    chmod +x "$tools/bin/promtool.part"
    mv "$tools/bin/promtool.part" "$tools/bin/promtool"
    rm -r "$tools/deb"
}

# debian_tool: the Debian of this machine as a folder of its own, with what our package depends on
# downloaded and not installed. Tests copy it. Prints its path; nothing, and why, where there is none.
debian_tool() {
    local suite folder
    suite=$(. /etc/os-release && [[ $ID = debian ]] && echo "$VERSION_CODENAME") \
        || { say "this is no Debian; the tests of the package say so"; return 0; }
    folder=$tools/debian-$suite
    if [[ ! -e $folder ]]; then
        [[ $(id -u) = 0 ]] || { say "not root; the tests of the package say so"; return 0; }
        say "making a $suite in a folder (a minute)"
        rm -rf "$folder.part"
        mkdir -p "$tools"
        debootstrap --variant=minbase "$suite" "$folder.part" > "$folder.log" 2>&1 \
            && chroot "$folder.part" sh -ec 'apt-get clean; apt-get update -qq
                apt-get install -qq --download-only --no-install-recommends ca-certificates adduser' \
                >> "$folder.log" 2>&1 \
            || { say "there is no Debian to be had: $(tail -1 "$folder.log")"; return 0; }
        mv "$folder.part" "$folder"
    fi
    echo "$folder"
}

# npm_tools: tsc, axe-core, the library of Standard Webhooks, an OpenID Connect provider and Lighthouse
# under target/tools/node_modules.
npm_tools() {
    local wanted="typescript@$TYPESCRIPT_VERSION axe-core@$AXE_VERSION"
    wanted+=" standardwebhooks@$STANDARDWEBHOOKS_VERSION oidc-provider@$OIDC_PROVIDER_VERSION"
    wanted+=" lighthouse@$LIGHTHOUSE_VERSION"
    [[ $(cat "$tools/npm-versions" 2>/dev/null) = "$wanted" ]] && return 0
    mkdir -p "$tools"
    # shellcheck disable=SC2086 # several words on purpose
    npm install --prefix "$tools" --no-save --no-audit --no-fund --loglevel=error $wanted
    echo "$wanted" > "$tools/npm-versions"
}

# schemathesis_tool: schemathesis with everything it needs in an environment of its own, under
# target/tools/schemathesis.
schemathesis_tool() {
    local pins=$root/scripts/schemathesis.txt folder=$tools/schemathesis wanted
    wanted="$SCHEMATHESIS_VERSION $(cksum < "$pins")"
    [[ $(cat "$folder/installed" 2>/dev/null) = "$wanted" ]] && return 0
    say "installing schemathesis $SCHEMATHESIS_VERSION"
    rm -rf "$folder"
    # Debian's own Python: one on the PATH before it may come without a venv.
    {
        /usr/bin/python3 -m venv "$folder" \
            && "$folder/bin/pip" install --quiet --disable-pip-version-check --no-input \
                --constraint "$pins" "schemathesis==$SCHEMATHESIS_VERSION"
    } || { say "schemathesis cannot be had; its test says so"; rm -rf "$folder"; return 0; }
    echo "$wanted" > "$folder/installed"
}

export PATH=$tools/bin:$PATH
