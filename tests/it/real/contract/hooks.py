"""What a description cannot say: who and what is really there.

Schemathesis makes up every value from its schema alone. Where a value must name something that
exists, or something that does not exist yet, no schema can say which, and a well-formed request with
a made-up one is refused, rightly. In requests that are meant to succeed these hooks put a real one in
its place, each for a reason given beside it. Requests that are meant to be refused stay as they are.
"""

import collections
import itertools
import json
import os

import jsonschema_rs
import requests
import schemathesis

# What contract.rs made before it started this.
THINGS = json.loads(os.environ["CONTRACT_THINGS"])
API_KEY = os.environ["CONTRACT_API_KEY"]
PORTAL_TOKEN = os.environ["CONTRACT_PORTAL_TOKEN"]
BASE = os.environ["CONTRACT_BASE"]

# There may be 20 webhooks: of those made here the oldest go again.
WEBHOOKS_AT_ONCE = 8

numbers = itertools.count(1)
webhooks = collections.deque()
# Whoever signs out has a token of their own.
sessions = collections.deque(THINGS["sessions"])


@schemathesis.hook
def before_call(context, case, kwargs):
    operation = case.operation.definition.raw.get("operationId")
    keep_the_portal_open(case, operation)
    if operation == "addWebhook":
        make_room_for_a_webhook()
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    # Stateful runs follow what was made and deleted, by the names it was given.
    if case.meta.phase.name != "stateful":
        path(case)
    query(case)
    headers(case)
    if isinstance(case.body, dict):
        body(case.body, operation)


@schemathesis.hook
def after_call(context, case, response):
    operation = case.operation.definition.raw.get("operationId")
    if operation == "addWebhook" and response.status_code == 201:
        webhooks.append(response.json()["id"])


def keep_the_portal_open(case, operation):
    """The customer whose token all of this runs with stays one, and their token stays good."""
    if operation == "endSession":
        sent = (case.headers or {}).get("Authorization")
        if sent == f"Bearer {PORTAL_TOKEN}" and sessions:
            case.headers["Authorization"] = f"Bearer {sessions.popleft()}"
    ends = {"changeCustomer", "revokeLink", "revokeLinks"}
    if operation in ends and (case.path_parameters or {}).get("id") == THINGS["portal_customer"]:
        case.path_parameters["id"] = THINGS["path"]["id"]


def make_room_for_a_webhook():
    while len(webhooks) >= WEBHOOKS_AT_ONCE:
        url = f"{BASE}/api/v1/webhooks/{webhooks.popleft()}"
        requests.delete(url, headers={"Authorization": f"Bearer {API_KEY}"}, timeout=10)


def path(case):
    """Something that is there: a made-up name is nobody's, and the answer would always be 404."""
    for name in case.path_parameters or {}:
        if name in THINGS["path"]:
            case.path_parameters[name] = THINGS["path"][name]


def query(case):
    if not case.query:
        return
    # A cursor is what a list gave; any other is refused.
    for name in ("cursor", "before"):
        case.query.pop(name, None)
    # A filter by a person names one who is known.
    for name in ("assignee", "customer"):
        if case.query.get(name):
            case.query[name] = THINGS[name]


def headers(case):
    # A key that comes again with another request is refused: each request has its own.
    key = (case.headers or {}).get("Idempotency-Key")
    if key:
        case.headers["Idempotency-Key"] = f"{key[:240]}-{next(numbers)}"


def body(sent, operation):
    # Who works on a ticket is on the staff.
    if sent.get("assignee"):
        sent["assignee"] = THINGS["assignee"]
    # Categories are the operator's.
    if sent.get("category"):
        sent["category"] = THINGS["category"]
    # A link opens a ticket of its customer's.
    if operation == "issueLink" and sent.get("ticket"):
        sent.pop("ticket")
    # An address that has a customer is taken.
    if operation == "addCustomer" and "email" in sent:
        sent["email"] = f"c{next(numbers)}@customers.example"
    # To resolve a ticket takes a text, which is an operation of its own.
    if operation == "changeTicket" and sent.get("status") == "resolved":
        sent["status"] = "in_progress"
    # Nobody's machine is called: a made-up host may be somebody's, or one that must not be called.
    # The length stays, within what fits when it is written out.
    if isinstance(sent.get("url"), str):
        base = "https://hooks.invalid/"
        sent["url"] = base + "x" * max(0, min(len(sent["url"]), 2000) - len(base))


@schemathesis.hook
def filter_failure(context, failure, case, response):
    kind, operation = type(failure).__name__, case.operation.definition.raw.get("operationId")
    # Revoking all links of a customer empties their list; the list itself stays, and answers 200.
    if kind == "UseAfterFree" and operation in ("listLinks", "issueLink", "revokeLinks"):
        return False
    # Lengths count what is left when white space at the ends is gone, which no schema can say.
    return not (kind == "AcceptedNegativeData" and is_short_once_trimmed(case))


def is_short_once_trimmed(case):
    document = case.operation.schema.raw_schema
    sent = case.operation.definition.raw.get("requestBody")
    if not sent or not isinstance(case.body, dict):
        return False
    schema = sent["content"]["application/json"]["schema"]
    return jsonschema_rs.is_valid({**schema, "components": document["components"]}, trimmed(case.body))


def trimmed(value):
    if isinstance(value, dict):
        return {name: trimmed(inner) for name, inner in value.items()}
    return value.strip() if isinstance(value, str) else value
