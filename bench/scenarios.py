"""What is asked: a name, who asks, how many at a time."""

import dataclasses
import json
import random

from load import request

SHELL = {"Accept": "text/html"}


@dataclasses.dataclass
class Scenario:
    name: str
    requests: list[str]
    clients: int = 32
    # Whether a bare server is measured beside it, answering as many bytes.
    beside_hello: bool = True
    writes: bool = False


def bearer(token):
    return {"Authorization": f"Bearer {token}", "Accept": "text/html"}


def programs(token):
    return {"Authorization": f"Bearer {token}", "Accept": "application/json"}


def reading(server, data) -> list[Scenario]:
    """Everything that changes nothing."""
    desk = {"Cookie": f"doorkey={data['session']}", "Accept": "text/html"}
    readers = [token for token, _ in data["readers"]]
    small = [(token, f"/portal/tickets/{reference}") for token, _, _, reference in data["small"]]
    large = [(token, f"/portal/tickets/{reference}") for token, _, reference in data["large"]]
    held = []
    for token, path in small:
        _, headers = server.ask(path, bearer(token))
        held.append(request(path, {**bearer(token), "If-None-Match": headers["ETag"]}))
    return [
        Scenario("start page", [request("/", SHELL)]),
        Scenario("portal: shell", [request("/portal", SHELL)]),
        Scenario("portal: list, HTML", [request("/portal", bearer(it)) for it in readers]),
        Scenario("portal: list, JSON",
                 [request("/api/v1/portal/tickets?limit=20", programs(it)) for it in readers]),
        Scenario("portal: ticket, 6 entries", [request(at, bearer(it)) for it, at in small]),
        Scenario("portal: ticket, 300 entries", [request(at, bearer(it)) for it, at in large]),
        Scenario("portal: nothing new", held),
        Scenario("portal: search in own tickets",
                 [request(f"/portal?q={word}", bearer(it)) for it, word in data["searched"]]),
        Scenario("desk: list", [request("/admin/tickets", desk)]),
        Scenario("desk: ticket", [request(f"/admin/tickets/{it}", desk) for it in data["tickets"]]),
        Scenario("desk: dashboard", [request("/admin", desk)]),
        Scenario("desk: search, common word", [request("/admin/tickets?q=alarm", desk)], 8),
        Scenario("desk: search, two words", [request("/admin/tickets?q=alarm+siren", desk)], 8),
    ]


def replies(data):
    body = json.dumps({"body": "It still beeps every hour, and the lamp is red now."})
    return [request(f"/api/v1/portal/tickets/{reference}/replies",
                    {**programs(token), "Content-Type": "application/json"}, "POST", body)
            for token, _, reference in data["writers"]]


def writing(data) -> list[Scenario]:
    """Everything that changes something, last."""
    sent = replies(data)
    asked = [request("/api/v1/portal/links", {"Content-Type": "application/json"}, "POST",
                     json.dumps({"email": email})) for email in addresses(data)]
    mixed = [request("/portal", bearer(token)) for token, _ in data["readers"]] * 2
    mixed += sent[: max(1, len(mixed) // 19)]
    random.Random(3).shuffle(mixed)
    scenarios = [Scenario(f"reply, {clients} clients", sent, clients, False, True)
                 for clients in (1, 8, 32, 128)]
    scenarios.append(Scenario("link request", asked, 32, False, True))
    scenarios.append(Scenario("mixed: 95 % lists, 5 % replies", mixed, 32, False, True))
    return scenarios


def addresses(data):
    """Half of them are customers'."""
    strangers = [f"nobody{number}@nowhere.example" for number in range(len(data["emails"]))]
    return [email for both in zip(data["emails"], strangers) for email in both]
