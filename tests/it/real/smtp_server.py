"""A mail server for the tests: STARTTLS and a login first, then every mail becomes a file.

    smtp_server.py DIR PORT USER PASSWORD

DIR holds cert.pem and key.pem. A mail accepted is DIR/mail-0001.json; DIR/answers.json may map a
recipient to what RCPT answers instead of accepting it. Prints the port when it listens.
"""

import asyncio
import email
import email.policy
import hmac
import json
import os
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult

folder, port, user, password = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
count = len([name for name in os.listdir(folder) if name.startswith("mail-")])


class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        try:
            with open(os.path.join(folder, "answers.json"), encoding="utf-8") as file:
                answer = json.load(file).get(address)
        except FileNotFoundError:
            answer = None
        if answer:
            return answer
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server, session, envelope):
        global count
        count += 1
        path = os.path.join(folder, f"mail-{count:04}.json")
        with open(path + ".part", "w", encoding="utf-8") as file:
            json.dump(describe(envelope), file)
        # Whoever waits for the mail must never see half of it.
        os.rename(path + ".part", path)
        return "250 2.0.0 Accepted"


def describe(envelope):
    mail = email.message_from_bytes(envelope.original_content, policy=email.policy.default)
    text = mail.get_body(("plain",))
    html = mail.get_body(("html",))
    return {
        "from": envelope.mail_from,
        "to": envelope.rcpt_tos,
        "headers": [[name, str(value)] for name, value in mail.items()],
        "text": text.get_content() if text else "",
        "html": html.get_content() if html else "",
        "raw": envelope.original_content.decode("utf-8", "surrogateescape"),
    }


def authenticate(server, session, envelope, mechanism, data):
    right = hmac.compare_digest(data.login, user.encode()) and hmac.compare_digest(
        data.password, password.encode()
    )
    # Not handled here: the server answers a wrong login with 535 itself.
    return AuthResult(success=right, handled=False)


async def main():
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(os.path.join(folder, "cert.pem"), os.path.join(folder, "key.pem"))

    def session():
        return SMTP(
            Handler(),
            hostname="mail.test",
            tls_context=tls,
            require_starttls=True,
            authenticator=authenticate,
            auth_required=True,
            enable_SMTPUTF8=True,
        )

    server = await asyncio.get_running_loop().create_server(session, "127.0.0.1", port)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
