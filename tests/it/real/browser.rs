//! A real Chromium, driven through the names that people see and screen readers say: never by
//! class or id, so that a page may be rebuilt and a story still reads the same.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use thirtyfour::error::WebDriverErrorInner;
use thirtyfour::prelude::*;
use thirtyfour::{ChromeCapabilities, WindowHandle};

use super::{PATIENCE, Process, have};

/// Where Debian has it.
pub const CHROMIUM: &str = "/usr/bin/chromium";
const CHROMEDRIVER: &str = "/usr/bin/chromedriver";

/// Finds what is visible by role and accessible name: `arguments[0]` and `[1]`; a name that ends
/// in `…` is a beginning. Names follow the accessible name computation as far as these pages go:
/// aria-label, then a label element, then the text without what is hidden from screen readers.
const FIND: &str = r"
const [role, wanted] = arguments;
const selectors = {
  button: 'button, [role=button], input[type=submit]',
  link: 'a[href]',
  field: 'input:not([type=hidden]), textarea, select',
  heading: 'h1, h2, h3',
};
const words = (node) => {
  if (node.nodeType === 3) return node.data;
  if (node.nodeType !== 1 || node.getAttribute('aria-hidden') === 'true') return '';
  return Array.from(node.childNodes, words).join('');
};
const tidy = (text) => text.replace(/[\s\u2066-\u2069]+/g, ' ').trim();
const name = (node) => tidy(node.getAttribute('aria-label')
  ?? (node.labels?.length ? Array.from(node.labels, words).join(' ') : words(node)));
const matches = (text) => wanted.endsWith('…') ? text.startsWith(wanted.slice(0, -1)) : text === wanted;
const shown = (node) => node.checkVisibility({ visibilityProperty: true, opacityProperty: false });
const modal = document.querySelector('dialog[open]') ?? document;
return Array.from(modal.querySelectorAll(selectors[role])).find((node) => shown(node) && matches(name(node))) ?? null;
";

/// Rules of WCAG 2.2 AA and axe's best practices, run on the page as it stands.
const AXE: &str = r"
const done = arguments[arguments.length - 1];
const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
axe.run(document, { runOnly: { type: 'tag', values: tags } }).then(
  (result) => done(result.violations.map((one) => one.id + ': ' + one.help + ' '
    + one.nodes.map((node) => node.html + ' (' + node.failureSummary + ')').join(' | '))),
  (error) => done(['axe failed: ' + error]),
);
";

/// One browser with a profile of its own: another one is another device.
pub struct Browser {
    // The session is closed before the driver's process is ended.
    driver: Option<WebDriver>,
    _process: Process,
    _profile: TempDir,
}

impl Browser {
    /// Starts a browser. `None`, and the test skipped, where there is no Chromium.
    pub async fn start() -> Option<Self> {
        if !have(&[CHROMIUM, CHROMEDRIVER]) {
            return None;
        }
        let profile = tempfile::tempdir().unwrap();
        let (process, port) = start_driver(&profile);
        let capabilities = capabilities(&profile);
        let driver = WebDriver::new(format!("http://127.0.0.1:{port}"), capabilities).await;
        let driver = driver.expect("a session with Chromium");
        let browser = Self { driver: Some(driver), _process: process, _profile: profile };
        browser.set_size(1280, 900).await;
        Some(browser)
    }

    /// The WebDriver session, for what has no word here.
    pub fn driver(&self) -> &WebDriver {
        self.driver.as_ref().expect("a session until the end")
    }

    /// Opens an address in this tab.
    pub async fn open(&self, url: &str) {
        self.driver().goto(url).await.unwrap();
    }

    /// Loads the page again.
    pub async fn reload(&self) {
        self.driver().refresh().await.unwrap();
    }

    /// The address of this tab.
    pub async fn address(&self) -> String {
        self.driver().current_url().await.unwrap().to_string()
    }

    /// Waits until the address holds these characters.
    pub async fn see_address(&self, part: &str) {
        let begun = Instant::now();
        while !self.address().await.contains(part) {
            pause(begun, &format!("{part} in the address")).await;
        }
    }

    /// Opens an address in a new tab as a tap on a link in a mail program does, and goes there.
    pub async fn open_new_tab(&self, url: &str) -> WindowHandle {
        let tab = self.driver().new_tab().await.unwrap();
        self.switch(&tab).await;
        self.open(url).await;
        tab
    }

    /// This tab's handle.
    pub async fn tab(&self) -> WindowHandle {
        self.driver().window().await.unwrap()
    }

    /// Goes to another tab.
    pub async fn switch(&self, tab: &WindowHandle) {
        self.driver().switch_to_window(tab.clone()).await.unwrap();
    }

    /// Goes to the tab that was opened last.
    pub async fn switch_to_newest(&self, known: &[WindowHandle]) -> WindowHandle {
        let begun = Instant::now();
        loop {
            let tabs = self.driver().windows().await.unwrap();
            if let Some(tab) = tabs.into_iter().find(|tab| !known.contains(tab)) {
                self.switch(&tab).await;
                return tab;
            }
            pause(begun, "a new tab").await;
        }
    }

    /// The visible words of the page.
    pub async fn words(&self) -> String {
        self.evaluate("return document.body?.innerText ?? ''").await.as_str().unwrap().to_owned()
    }

    /// Waits until these words are on the page.
    pub async fn see(&self, words: &str) {
        let begun = Instant::now();
        loop {
            let page = self.words().await;
            if page.contains(words) {
                return;
            }
            pause(begun, &format!("the words {words:?}; the page says:\n{page}")).await;
        }
    }

    /// Waits until these words are not on the page any more.
    pub async fn see_no_more(&self, words: &str) {
        let begun = Instant::now();
        while self.words().await.contains(words) {
            pause(begun, &format!("{words:?} to go")).await;
        }
    }

    /// Whether something visible has this role and name now.
    pub async fn has(&self, role: &str, name: &str) -> bool {
        self.look_for(role, name).await.is_some()
    }

    /// Waits for what has this role (`button`, `link`, `field`, `heading`) and accessible name.
    pub async fn find(&self, role: &str, name: &str) -> WebElement {
        let begun = Instant::now();
        loop {
            if let Some(element) = self.look_for(role, name).await {
                return element;
            }
            let page = self.words().await;
            pause(begun, &format!("the {role} {name:?}; the page says:\n{page}")).await;
        }
    }

    /// Presses a button.
    pub async fn press(&self, button: &str) {
        self.click("button", button).await;
    }

    /// Presses a button, unless the page has learned meanwhile that there is no such thing any more
    /// and has taken it away: one that stands open is told within two seconds.
    pub async fn press_if_there(&self, button: &str) {
        if let Some(button) = self.look_for("button", button).await {
            drop(button.click().await);
        }
    }

    /// Follows a link if it is there now.
    pub async fn follow_if_there(&self, link: &str) {
        if let Some(link) = self.look_for("link", link).await {
            drop(link.click().await);
        }
    }

    /// Follows a link.
    pub async fn follow(&self, link: &str) {
        self.click("link", link).await;
    }

    /// Clicks once. What is replaced between finding and clicking is looked for again.
    async fn click(&self, role: &str, name: &str) {
        loop {
            match self.find(role, name).await.click().await {
                Err(error) if is_replaced(&error) => {}
                clicked => return clicked.unwrap(),
            }
        }
    }

    /// Types into a field, over what it held. Goes in at once, as from a keyboard that knows
    /// every character: WebDriver's own keys stop at U+FFFF.
    pub async fn fill(&self, field: &str, text: &str) {
        let enter = "arguments[0].focus(); arguments[0].select()";
        loop {
            let element = self.find("field", field).await.to_json().unwrap();
            match self.driver().execute(enter, vec![element]).await {
                Err(error) if is_replaced(&error) => {}
                entered => break entered.map(drop).unwrap(),
            }
        }
        self.devtools("Input.insertText", json!({ "text": text })).await;
    }

    /// What a field holds.
    pub async fn value(&self, field: &str) -> String {
        self.find("field", field).await.prop("value").await.unwrap().unwrap_or_default()
    }

    /// Presses keys wherever the focus is.
    pub async fn keys(&self, keys: impl Into<thirtyfour::TypingData>) {
        self.driver().action_chain().send_keys(keys).perform().await.unwrap();
    }

    /// Moves the focus with Tab until it is on this role and name, as somebody without a mouse
    /// does, and asserts that the focus can be seen there.
    pub async fn tab_to(&self, role: &str, name: &str) {
        let mut wanted = self.find(role, name).await;
        for _ in 0..60 {
            self.keys(Key::Tab).await;
            let script = "return document.activeElement === arguments[0]";
            match self.driver().execute(script, vec![wanted.to_json().unwrap()]).await {
                Ok(there) if there.json() == &json!(true) => {
                    return self.assert_focus_is_visible(role, name).await;
                }
                Ok(_) => {}
                // The page put new content in its place meanwhile.
                Err(_) => wanted = self.find(role, name).await,
            }
        }
        panic!("no way to the {role} {name:?} with Tab");
    }

    async fn assert_focus_is_visible(&self, role: &str, name: &str) {
        let script = "
            const node = document.activeElement;
            const outlined = (part) => { const style = getComputedStyle(node, part);
                return style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0; };
            return node.matches(':focus-visible') && (outlined(null) || outlined('::after'))";
        let visible = self.evaluate(script).await;
        assert_eq!(visible, json!(true), "the focus on the {role} {name:?} can be seen");
    }

    /// Runs a function body in the page.
    pub async fn evaluate(&self, script: &str) -> Value {
        self.driver().execute(script, Vec::new()).await.unwrap().json().clone()
    }

    /// A command of the DevTools protocol.
    pub async fn devtools(&self, command: &str, parameters: Value) -> Value {
        self.driver().cdp().send_raw(command, parameters).await.unwrap()
    }

    /// Sets the size of the page in CSS pixels; a window cannot be made as narrow as a phone.
    pub async fn set_size(&self, width: u32, height: u32) {
        let size =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.devtools("Emulation.setDeviceMetricsOverride", size).await;
    }

    /// What the reader's system asks for: `prefers-color-scheme` and `dark`, for example.
    pub async fn prefer(&self, feature: &str, value: &str) {
        let features = json!({ "features": [{ "name": feature, "value": value }] });
        self.devtools("Emulation.setEmulatedMedia", features).await;
    }

    /// Asserts that nothing on the page is wider than the window.
    pub async fn assert_no_sideways_scroll(&self, page: &str) {
        let script = "
            const root = document.documentElement;
            if (root.scrollWidth <= root.clientWidth) return [];
            return Array.from(document.querySelectorAll('body *'))
                .filter((node) => node.getBoundingClientRect().right > root.clientWidth + 1)
                .map((node) => node.outerHTML.slice(0, 120));";
        let wide = self.evaluate(script).await;
        assert_eq!(wide, json!([]), "{page} scrolls sideways at this width");
    }

    /// Asserts that axe-core has nothing to say about the page as it stands.
    pub async fn assert_accessible(&self, page: &str) {
        let Some(axe) = axe() else { return };
        // Evaluated by the driver: the page's own policy lets no script in, as it should.
        self.driver().execute(format!("{axe}; return true"), Vec::new()).await.unwrap();
        let found = self.driver().execute_async(AXE, Vec::new()).await.unwrap();
        let found: Vec<String> = found.convert().unwrap();
        assert!(found.is_empty(), "axe-core on {page}:\n{}", found.join("\n"));
    }

    /// Keeps a picture of the page under `target/screenshots`, for people to look at.
    pub async fn picture(&self, name: &str) {
        let folder = picture_folder();
        std::fs::create_dir_all(&folder).unwrap();
        // The window is made as tall as the page: a picture from beyond the window would leave the
        // page laid out for another size.
        let size = self
            .evaluate("return [innerWidth, innerHeight, document.documentElement.scrollHeight]")
            .await;
        let [width, height, whole] =
            [0, 1, 2].map(|at| u32::try_from(size[at].as_u64().unwrap()).unwrap());
        self.set_size(width, whole.max(height)).await;
        let png = self.devtools("Page.captureScreenshot", json!({ "format": "png" })).await;
        self.set_size(width, height).await;
        let png = png["data"].as_str().unwrap();
        let bytes = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, png);
        std::fs::write(folder.join(format!("{name}.png")), bytes.unwrap()).unwrap();
    }

    /// Asserts that the page broke none of its own rules and no script failed. An answer of 4xx
    /// that the script deals with is logged by the browser, and is no fault.
    pub async fn assert_quiet(&self) {
        let complaints = self.complaints().await;
        assert!(complaints.is_empty(), "the browser complains: {complaints:#?}");
    }

    /// What it has to complain of since the last time: rules that a page broke, scripts that failed.
    pub async fn complaints(&self) -> Vec<String> {
        let log = self.driver().browser_log().await.unwrap();
        let is_fault = |level: &str, message: &str| {
            (level == "SEVERE" || message.contains("Content Security Policy"))
                && !is_answer_4xx(message)
        };
        let faults = log.into_iter().filter(|entry| is_fault(&entry.level, &entry.message));
        faults.map(|entry| entry.message).collect()
    }

    /// Every request since the last time: its address without the fragment, and its Referer.
    pub async fn requests(&self) -> Vec<(String, String)> {
        let events = self.network().await;
        let sent = events.iter().filter(|event| event["method"] == "Network.requestWillBeSent");
        sent.map(|event| {
            let request = &event["params"]["request"];
            let referer = request["headers"]["Referer"].as_str().unwrap_or_default();
            (request["url"].as_str().unwrap().to_owned(), referer.to_owned())
        })
        .collect()
    }

    /// How many answers came from `origin` since the last time, and their bytes on the wire, heads
    /// included.
    pub async fn traffic(&self, origin: &str) -> (usize, u64) {
        let events = self.network().await;
        let ours = events.iter().filter(|event| {
            let url = event["params"]["request"]["url"].as_str();
            event["method"] == "Network.requestWillBeSent"
                && url.is_some_and(|url| url.starts_with(origin))
        });
        let ours: Vec<&Value> = ours.map(|event| &event["params"]["requestId"]).collect();
        let sizes = events
            .iter()
            .filter(|event| event["method"] == "Network.loadingFinished")
            .filter(|event| ours.contains(&&event["params"]["requestId"]))
            .filter_map(|event| event["params"]["encodedDataLength"].as_f64());
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "sizes of files"
        )]
        let sizes: Vec<u64> = sizes.map(|size| size as u64).collect();
        (sizes.len(), sizes.iter().sum())
    }

    /// Every event of the network since the last time.
    async fn network(&self) -> Vec<Value> {
        let log = self.driver().get_log("performance").await.unwrap();
        let events = log.iter().map(|entry| serde_json::from_str::<Value>(&entry.message).unwrap());
        events.map(|event| event["message"].clone()).collect()
    }

    async fn look_for(&self, role: &str, name: &str) -> Option<WebElement> {
        let found = self.driver().execute(FIND, vec![json!(role), json!(name)]).await.ok()?;
        found.element().ok()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // A session that is not ended leaves Chromium behind, whatever becomes of the driver.
        drop(self.driver.take());
    }
}

/// Whether the page put something else in the element's place meanwhile.
fn is_replaced(error: &WebDriverError) -> bool {
    matches!(**error, WebDriverErrorInner::StaleElementReference(_))
        || error.to_string().contains("does not belong to the document")
}

fn is_answer_4xx(message: &str) -> bool {
    message.contains("the server responded with a status of 4")
}

async fn pause(begun: Instant, what: &str) {
    assert!(begun.elapsed() < PATIENCE, "waited {PATIENCE:?} for {what}");
    tokio::time::sleep(Duration::from_millis(50)).await;
}

/// axe-core's source, from where `./scripts/test` put it.
fn axe() -> Option<String> {
    let given = std::env::var_os("DOORKEY_TEST_AXE").map(PathBuf::from);
    let installed = target().join("tools/node_modules/axe-core/axe.min.js");
    let source = std::fs::read_to_string(given.unwrap_or(installed)).ok();
    if source.is_none() {
        super::skip("axe-core is not here; ./scripts/test installs it");
    }
    source
}

fn target() -> PathBuf {
    // …/target/debug/deps/it-0123456789abcdef
    let here = std::env::current_exe().unwrap();
    here.ancestors().nth(3).expect("the folder of builds").to_owned()
}

fn picture_folder() -> PathBuf {
    target().join("screenshots")
}

/// Starts the driver; answers on which port it listens. It draws the port for IPv6 and IPv4 takes the
/// same, unless another program has it there: then it ends, and another one draws.
fn start_driver(profile: &TempDir) -> (Process, u16) {
    const DRAWS: u32 = 5;
    let mut start = Command::new(CHROMEDRIVER);
    start.arg("--port=0").env("TMPDIR", profile.path());
    start.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut drawn = (0..DRAWS).map(|_| Process::start(&mut start));
    let started = drawn.find_map(|mut process| port_of(&mut process).map(|port| (process, port)));
    started.expect("chromedriver says on which port it listens")
}

/// The driver says on which port it listens, once it does.
fn port_of(process: &mut Process) -> Option<u16> {
    let output = BufReader::new(process.0.stdout.take().unwrap());
    let mut lines = output.lines().map_while(Result::ok);
    let line = lines.find(|line| line.contains("on port ") && line.contains("successfully"));
    let line = line?;
    // It goes on writing; somebody has to read, or it stops when the pipe is full.
    std::thread::spawn(move || lines.for_each(drop));
    let port = line.rsplit("on port ").next().unwrap().trim_end_matches('.');
    Some(port.parse().unwrap_or_else(|_| panic!("no port in {line:?}")))
}

fn capabilities(profile: &TempDir) -> ChromeCapabilities {
    let mut capabilities = DesiredCapabilities::chrome();
    let user_data = format!("--user-data-dir={}", profile.path().display());
    for argument in [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--lang=en-CA",
        &user_data,
    ] {
        capabilities.add_arg(argument).unwrap();
    }
    capabilities.set_binary(CHROMIUM).unwrap();
    let logs = json!({ "browser": "ALL", "performance": "ALL" });
    capabilities.set("goog:loggingPrefs", logs).unwrap();
    capabilities
}
