-- The first schema. Written once for both engines: TEXT, BIGINT, BOOLEAN, BYTEA.
-- Times are BIGINT milliseconds since 1970 in UTC. Ids are made by the program (src/ids.rs).
-- A table marked `clustered` keeps its rows in the order of its primary key where the engine can.

-- Single values of the whole installation: the key under which addresses are hashed.
-- clustered
CREATE TABLE secrets (
  name TEXT PRIMARY KEY,
  value BYTEA NOT NULL
);

-- When something last happened to the installation as a whole: the last good backup.
-- clustered
CREATE TABLE marks (
  name TEXT PRIMARY KEY,
  at BIGINT NOT NULL
);

-- What admins set at the desk, as text; what the operator says (flag, environment, file) counts before it.
-- clustered
CREATE TABLE settings (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL,
  changed_at BIGINT NOT NULL,
  changed_by TEXT NOT NULL CHECK (length(changed_by) <= 200)  -- the name of whoever it was
);

-- One row: another random word with every change of the settings, by which a process knows whether what
-- it remembers still holds. Whoever changes settings writes it first, so that two take turns.
-- clustered
CREATE TABLE settings_stamp (
  id BIGINT PRIMARY KEY CHECK (id = 1),
  stamp TEXT NOT NULL
);

-- The company's logo, and the one before it: pages that show it may still be open.
CREATE TABLE logos (
  hash TEXT PRIMARY KEY,                    -- of the image: its address
  kind TEXT NOT NULL CHECK (kind IN ('image/png', 'image/jpeg', 'image/webp', 'image/svg+xml')),
  image BYTEA NOT NULL,
  added_at BIGINT NOT NULL
);

-- The people whose tickets these are. Text that was never given is empty.
CREATE TABLE customers (
  id BIGINT PRIMARY KEY,
  email TEXT NOT NULL CHECK (length(email) BETWEEN 3 AND 254),
  email_key TEXT NOT NULL UNIQUE,           -- the address without case: what makes it unique
  name TEXT NOT NULL CHECK (length(name) <= 200),
  name_key TEXT NOT NULL,                   -- the name as a search compares it
  phone TEXT NOT NULL CHECK (length(phone) <= 50),
  company TEXT NOT NULL CHECK (length(company) <= 200),
  notes TEXT NOT NULL CHECK (length(notes) <= 5000),  -- staff only
  active BOOLEAN NOT NULL,
  created_at BIGINT NOT NULL,
  search TEXT NOT NULL,                     -- folded e-mail, name, company and phone
  erased_at BIGINT,                         -- since when nothing here tells who this was
  stamp BIGINT NOT NULL DEFAULT 0           -- another one when their own pages would say something else
);

CREATE INDEX customers_by_name ON customers (name_key, id);
CREATE INDEX customers_by_active ON customers (active, id DESC);

CREATE TABLE staff (
  id BIGINT PRIMARY KEY,
  email TEXT NOT NULL CHECK (length(email) BETWEEN 3 AND 254),
  email_key TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  role TEXT NOT NULL CHECK (role IN ('technician', 'admin')),
  active BOOLEAN NOT NULL,
  created_at BIGINT NOT NULL
);

-- Somebody of staff is at the desk, in one browser. Only the SHA-256 of the cookie's token is here.
CREATE TABLE sessions (
  id BIGINT PRIMARY KEY,
  token_hash BYTEA NOT NULL UNIQUE,
  staff_id BIGINT NOT NULL REFERENCES staff (id),
  way TEXT NOT NULL CHECK (way IN ('link', 'code', 'operator', 'invited', 'passkey', 'oidc')),  -- how they came in
  browser TEXT NOT NULL CHECK (length(browser) <= 100),           -- in words
  network TEXT NOT NULL CHECK (length(network) <= 100),           -- roughly where from
  created_at BIGINT NOT NULL,
  last_used_at BIGINT NOT NULL,             -- written at most once a minute
  expires_at BIGINT NOT NULL,               -- however much it is used
  revoked_at BIGINT
);
CREATE INDEX sessions_of_staff ON sessions (staff_id, id DESC);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);
CREATE INDEX sessions_running ON sessions (last_used_at) WHERE revoked_at IS NULL;
-- What was ended of late ends open streams, too.
CREATE INDEX sessions_by_end ON sessions (revoked_at, id) WHERE revoked_at IS NOT NULL;

-- Somebody wants to sign in at the desk. As with link_requests, the request writes the same row for
-- every address and a worker looks up whose it is. One made at the command line, or by an admin for
-- somebody else, has no browser that asked.
CREATE TABLE staff_sign_ins (
  id BIGINT PRIMARY KEY,
  request_hash BYTEA UNIQUE,                -- of the id that only the browser that asked holds
  email TEXT,                               -- as typed; forgotten once the worker has looked
  next_path TEXT NOT NULL CHECK (length(next_path) <= 500),  -- where to go then, below /admin
  created_at BIGINT NOT NULL,
  cause TEXT,                               -- the id of the HTTP request, as the log has it
  worked_at BIGINT,
  staff_id BIGINT REFERENCES staff (id),
  token_hash BYTEA UNIQUE,                  -- of the link, once mailed
  code_hash BYTEA,                          -- keyed hash of the six digits, once mailed
  expires_at BIGINT,                        -- of link and code
  code_tries BIGINT NOT NULL,
  invited BOOLEAN NOT NULL,                 -- an admin had it made or mailed
  used_at BIGINT                            -- by link or code: both work once, together
);
CREATE INDEX staff_sign_ins_waiting ON staff_sign_ins (id) WHERE worked_at IS NULL;
CREATE INDEX staff_sign_ins_by_age ON staff_sign_ins (created_at);
CREATE INDEX staff_sign_ins_of_staff ON staff_sign_ins (staff_id);

-- What staff sign in with beside mails (Web Authentication): only public keys are here.
CREATE TABLE passkeys (
  id BIGINT PRIMARY KEY,
  staff_id BIGINT NOT NULL REFERENCES staff (id),
  credential_id BYTEA NOT NULL UNIQUE,
  public_key BYTEA NOT NULL,                -- a SubjectPublicKeyInfo, DER
  counter BIGINT NOT NULL,                  -- grows with each use, or stays 0
  name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
  created_at BIGINT NOT NULL,
  last_used_at BIGINT
);
CREATE INDEX passkeys_of_staff ON passkeys (staff_id, id);

-- What a browser is to sign with a passkey, once.
-- clustered
CREATE TABLE passkey_challenges (
  hash BYTEA PRIMARY KEY,                   -- SHA-256 of the challenge
  staff_id BIGINT REFERENCES staff (id),    -- who adds a passkey with it; NULL: somebody signs in
  expires_at BIGINT NOT NULL
);
CREATE INDEX passkey_challenges_by_expiry ON passkey_challenges (expires_at);

-- Somebody went to the OpenID Connect provider to sign in, and may come back once.
-- clustered
CREATE TABLE oidc_sign_ins (
  hash BYTEA PRIMARY KEY,                   -- SHA-256 of what the browser holds
  next_path TEXT NOT NULL CHECK (length(next_path) <= 500),  -- where to go then, below /admin
  expires_at BIGINT NOT NULL
);
CREATE INDEX oidc_sign_ins_by_expiry ON oidc_sign_ins (expires_at);

CREATE TABLE api_keys (
  id BIGINT PRIMARY KEY,
  name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  name_key TEXT NOT NULL,                   -- the name, folded
  role TEXT NOT NULL CHECK (role IN ('technician', 'admin')),
  key_hash BYTEA NOT NULL UNIQUE,           -- SHA-256; the key itself is shown once and never kept
  created_at BIGINT NOT NULL,
  last_used_at BIGINT,                      -- written about once a minute
  revoked_at BIGINT
);
-- Timelines and commands call a program by its name; one that is revoked gives it free.
CREATE UNIQUE INDEX api_keys_in_use ON api_keys (name_key) WHERE revoked_at IS NULL;

CREATE TABLE tickets (
  id BIGINT PRIMARY KEY,
  reference TEXT NOT NULL CHECK (length(reference) = 10),
  customer_id BIGINT NOT NULL REFERENCES customers (id),
  assignee_id BIGINT REFERENCES staff (id),
  subject TEXT NOT NULL CHECK (length(subject) BETWEEN 1 AND 200),
  description TEXT NOT NULL CHECK (length(description) BETWEEN 1 AND 20000),
  priority BIGINT NOT NULL CHECK (priority BETWEEN 0 AND 3),   -- 0 low to 3 urgent
  category TEXT,
  status TEXT NOT NULL CHECK (status IN ('open', 'in_progress', 'resolved', 'closed')),
  resolution TEXT CHECK (length(resolution) BETWEEN 1 AND 5000),
  resolved_at BIGINT,                       -- while resolved: when, for closing by itself
  note_count BIGINT NOT NULL,               -- public notes and replies
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,               -- the last thing the customer can see
  staff_at BIGINT NOT NULL,                 -- the last visible thing that was not the customer's own
  customer_last BOOLEAN NOT NULL,           -- the last visible words are the customer's
  last_entry BIGINT NOT NULL,               -- id of the newest entry, internal ones included
  version BIGINT NOT NULL,                  -- grows with everything the customer can see
  CHECK (status <> 'resolved' OR (resolution IS NOT NULL AND resolved_at IS NOT NULL))
);
-- Apart from the table, so that who fills an empty database can make it in the end, by sorting.
CREATE UNIQUE INDEX tickets_by_reference ON tickets (reference);
-- A list of all statuses merges the ranges of each: see src/store/desk_lists.rs.
-- The first two with all that a customer's list shows, so that it is read in one place: the tickets
-- themselves, with their descriptions, lie as far apart as they came in.
CREATE INDEX tickets_of_customer ON tickets (customer_id, updated_at DESC, id DESC, reference, subject,
  status, assignee_id, created_at, note_count, staff_at);
CREATE INDEX tickets_of_customer_by_status ON tickets (customer_id, status, updated_at DESC, id DESC,
  reference, subject, assignee_id, created_at, note_count, staff_at);
CREATE INDEX tickets_by_status ON tickets (status, updated_at DESC, id DESC);
CREATE INDEX tickets_of_assignee ON tickets (assignee_id, status, updated_at DESC, id DESC);
CREATE INDEX tickets_by_category ON tickets (category, status, updated_at DESC, id DESC);
CREATE INDEX tickets_by_status_and_creation ON tickets (status, created_at DESC, id DESC);
CREATE INDEX tickets_by_status_and_priority ON tickets (status, priority DESC, updated_at DESC, id DESC);
CREATE INDEX tickets_with_customers_word ON tickets (status, updated_at DESC, id DESC) WHERE customer_last;
CREATE INDEX tickets_to_close ON tickets (resolved_at, id) WHERE resolved_at IS NOT NULL;

-- What happened to a ticket, in the order in which it happened: ids grow along a timeline.
-- clustered
CREATE TABLE entries (
  ticket_id BIGINT NOT NULL REFERENCES tickets (id),
  id BIGINT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('created', 'status_changed', 'note', 'reply', 'resolution', 'assigned')),
  is_public BOOLEAN NOT NULL,
  at BIGINT NOT NULL,
  by_kind TEXT NOT NULL CHECK (by_kind IN ('customer', 'staff', 'program', 'system')),
  by_id BIGINT,
  author TEXT,                              -- the name at that time; a program's is for staff only
  body TEXT CHECK (length(body) BETWEEN 1 AND 20000),
  from_status TEXT,
  to_status TEXT,
  PRIMARY KEY (ticket_id, id)
);

-- Folded text to search in, together by customer: a search in one's own tickets reads one range.
-- entry_id 0 is the ticket itself: reference, subject and description.
-- clustered
CREATE TABLE search_texts (
  customer_id BIGINT NOT NULL,
  ticket_id BIGINT NOT NULL REFERENCES tickets (id),
  entry_id BIGINT NOT NULL,
  is_public BOOLEAN NOT NULL,
  text TEXT NOT NULL,
  PRIMARY KEY (customer_id, ticket_id, entry_id)
);

-- Tickets that were moved from one customer to another, by both, and the internal note that tells of it:
-- what one of them wrote there is found again when they are to be forgotten.
-- clustered
CREATE TABLE ticket_moves (
  customer_id BIGINT NOT NULL REFERENCES customers (id),
  ticket_id BIGINT NOT NULL REFERENCES tickets (id),
  entry_id BIGINT NOT NULL,
  PRIMARY KEY (customer_id, ticket_id, entry_id)
);

-- People who are to be forgotten, and how far that is: see src/domain/erasures.rs.
-- clustered
CREATE TABLE erasures (
  customer_id BIGINT PRIMARY KEY REFERENCES customers (id),
  step TEXT NOT NULL CHECK (step IN ('tickets', 'moves', 'mails', 'links', 'events')),
  place BIGINT NOT NULL,                    -- the last ticket or event that is done
  asked_at BIGINT NOT NULL,
  ended_at BIGINT
);
CREATE INDEX erasures_under_way ON erasures (customer_id) WHERE ended_at IS NULL;

-- Tables of customers that were uploaded: what was found in each, and how far it is taken.
CREATE TABLE customer_uploads (
  id BIGINT PRIMARY KEY,
  staff_id BIGINT NOT NULL REFERENCES staff (id),
  file_name TEXT NOT NULL CHECK (length(file_name) <= 200),
  state TEXT NOT NULL CHECK (state IN ('seen', 'confirmed', 'done')),
  good BIGINT NOT NULL,                     -- customers that can be taken
  fresh BIGINT NOT NULL,                    -- of them nobody's when it was looked through
  bad_lines BIGINT NOT NULL,
  bad TEXT NOT NULL,                        -- JSON: the first mistakes: line, column, why, what is found there
  added BIGINT NOT NULL,                    -- so far
  existing BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  ended_at BIGINT
);
CREATE INDEX customer_uploads_by_expiry ON customer_uploads (expires_at);
CREATE INDEX customer_uploads_unfinished ON customer_uploads (id) WHERE ended_at IS NULL;

-- What is still to be taken of them, some customers a row.
-- clustered
CREATE TABLE customer_upload_parts (
  upload_id BIGINT NOT NULL REFERENCES customer_uploads (id),
  number BIGINT NOT NULL,
  customers TEXT NOT NULL,                  -- JSON
  PRIMARY KEY (upload_id, number)
);

-- The words of a ticket, of all that was written on it, internal notes included, and of what its customer
-- is found by: for staff alone. Each once, in order, between spaces. The engine's own full-text index
-- stands on it: see 0002_search and docs/decisions/0017-full-text-search.md.
CREATE TABLE ticket_words (
  ticket_id BIGINT PRIMARY KEY REFERENCES tickets (id),
  words TEXT NOT NULL
);

-- Customers who are called otherwise now, and how far the words of their tickets have followed.
-- clustered
CREATE TABLE renamed_customers (
  customer_id BIGINT PRIMARY KEY REFERENCES customers (id),
  done_until BIGINT NOT NULL                -- the last ticket whose words are right
);

-- Lists of tickets that members of staff keep for themselves: a name, and what they ask for.
-- clustered
CREATE TABLE saved_views (
  staff_id BIGINT NOT NULL REFERENCES staff (id),
  name_key TEXT NOT NULL,                   -- the name without case: what makes it unique
  name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  query TEXT NOT NULL CHECK (length(query) <= 2000),
  created_at BIGINT NOT NULL,
  PRIMARY KEY (staff_id, name_key)
);

-- What staff write again and again, for everybody at the desk.
CREATE TABLE answers (
  id BIGINT PRIMARY KEY,
  name_key TEXT NOT NULL UNIQUE,            -- the name without case: what makes it unique
  name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  body TEXT NOT NULL CHECK (length(body) BETWEEN 1 AND 5000),
  updated_at BIGINT NOT NULL
);

-- Who has a ticket open at the desk, or writes there, as each process last said. A row lapses by itself.
-- clustered
CREATE TABLE presences (
  ticket_id BIGINT NOT NULL REFERENCES tickets (id),
  staff_id BIGINT NOT NULL REFERENCES staff (id),
  process_id BIGINT NOT NULL,               -- a number that a process draws when it starts
  writing_until BIGINT NOT NULL,            -- they are taken to be writing until then
  expires_at BIGINT NOT NULL,
  PRIMARY KEY (ticket_id, staff_id, process_id)
);
CREATE INDEX presences_by_expiry ON presences (expires_at);

-- How many tickets a customer has in each status: stored, never counted when a list is read.
-- clustered
CREATE TABLE ticket_counts (
  customer_id BIGINT NOT NULL REFERENCES customers (id),
  status TEXT NOT NULL,
  tickets BIGINT NOT NULL CHECK (tickets >= 0),
  PRIMARY KEY (customer_id, status)
);

-- How many tickets there are, for the desk. Each of these counts is the sum of its slots: a writer takes
-- any slot that nobody holds, so that writers never wait for each other here. The number in one slot
-- alone means nothing, and may be below zero. On SQLite, with its one writer, there is one slot.
-- clustered
CREATE TABLE desk_counts (
  status TEXT NOT NULL,
  customer_last BIGINT NOT NULL,            -- 1 if the last visible words are the customer's, or 0
  assignee_id BIGINT NOT NULL,              -- 0: nobody is assigned
  slot BIGINT NOT NULL,                     -- a number that nobody else drew
  tickets BIGINT NOT NULL,
  PRIMARY KEY (status, customer_last, assignee_id, slot)
);

-- How many tickets are resolved since which day, in slots as well.
-- clustered
CREATE TABLE resolved_counts (
  day BIGINT NOT NULL,                      -- days since 1970 in UTC
  slot BIGINT NOT NULL,
  tickets BIGINT NOT NULL,
  PRIMARY KEY (day, slot)
);

-- When a customer last opened a ticket: what is newer is marked as new. Apart from the ticket,
-- because reading one never changes it. Written in batches.
-- clustered
CREATE TABLE ticket_reads (
  customer_id BIGINT NOT NULL REFERENCES customers (id),
  ticket_id BIGINT NOT NULL REFERENCES tickets (id),
  read_at BIGINT NOT NULL,
  PRIMARY KEY (customer_id, ticket_id)
);

-- Links that open the portal. Only the SHA-256 of a token is here.
CREATE TABLE links (
  id BIGINT PRIMARY KEY,
  token_hash BYTEA NOT NULL UNIQUE,
  customer_id BIGINT NOT NULL REFERENCES customers (id),
  ticket_id BIGINT REFERENCES tickets (id), -- the ticket it was mailed for
  reason TEXT NOT NULL CHECK (reason IN ('requested', 'ticket_mail', 'staff', 'api')),
  issued_by TEXT,                           -- who made it by hand, in words
  issued_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  last_used_at BIGINT,
  use_count BIGINT NOT NULL,
  revoked_at BIGINT,
  revoked_by TEXT,                          -- who, in words
  ended_at BIGINT                           -- when it was noticed that its time is over: it stays over
);
CREATE INDEX links_of_customer ON links (customer_id, id DESC);
CREATE INDEX links_running ON links (expires_at) WHERE ended_at IS NULL;
CREATE INDEX links_by_expiry ON links (expires_at);
CREATE INDEX links_by_end ON links (revoked_at, id) WHERE revoked_at IS NOT NULL;

-- Someone asked for a link. The page's request writes this one row, the same for every address;
-- a worker looks up whose it is.
CREATE TABLE link_requests (
  id BIGINT PRIMARY KEY,
  request_hash BYTEA NOT NULL UNIQUE,       -- of the request id, which only the page that asked knows
  email TEXT,                               -- as typed; forgotten once the worker has looked
  reference TEXT,                           -- the ticket that was wanted
  created_at BIGINT NOT NULL,
  cause TEXT,                               -- the id of the HTTP request, as the log has it
  worked_at BIGINT,                         -- when the worker looked
  customer_id BIGINT REFERENCES customers (id),
  code_hash BYTEA,                          -- keyed hash of the six digits, once mailed
  code_expires_at BIGINT,
  code_tries BIGINT NOT NULL,
  code_used_at BIGINT
);
CREATE INDEX link_requests_waiting ON link_requests (id) WHERE worked_at IS NULL;
CREATE INDEX link_requests_by_age ON link_requests (created_at);
CREATE INDEX link_requests_of_customer ON link_requests (customer_id);

-- Counters of limits: hits of a hashed address, network or of all, in slices of their window.
-- clustered
CREATE TABLE limits (
  subject BYTEA NOT NULL,
  slice BIGINT NOT NULL,                    -- when the slice of the window began
  hits BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  PRIMARY KEY (subject, slice)
);
CREATE INDEX limits_by_expiry ON limits (expires_at);

-- Mails to be sent: what to say to whom, never a token. Written with what caused them.
CREATE TABLE outbox (
  id BIGINT PRIMARY KEY,
  lane BIGINT NOT NULL,                     -- 0 sign-in, 1 notices: a lower lane goes first
  kind TEXT NOT NULL,
  recipient TEXT NOT NULL,
  recipient_key TEXT NOT NULL,              -- the address without case: order is kept for each
  customer_id BIGINT REFERENCES customers (id),
  ticket_id BIGINT REFERENCES tickets (id),
  request_id BIGINT,                        -- the link request a sign-in mail answers
  link_id BIGINT,                           -- the link minted for the last attempt
  message_id TEXT NOT NULL UNIQUE,          -- stays the same over retries
  cause TEXT,                               -- the id of the HTTP request that led to it, as the log has it
  content TEXT,                             -- JSON of what to say; NULL once sent, or failed for long
  -- held: it was queued in a backup that was restored, and may have been sent since
  state TEXT NOT NULL CHECK (state IN ('queued', 'held', 'sent', 'failed')),
  created_at BIGINT NOT NULL,
  due_at BIGINT NOT NULL,                   -- not before; a lease moves it on
  give_up_at BIGINT NOT NULL,
  attempt BIGINT NOT NULL,                  -- counts claims: who settles must name the last one
  failures BIGINT NOT NULL,                 -- attempts the mail server refused for now
  settled_at BIGINT,
  error TEXT
);
CREATE INDEX outbox_due ON outbox (lane, due_at, id) WHERE state = 'queued';
CREATE INDEX outbox_order ON outbox (recipient_key, lane, id) WHERE state = 'queued';
CREATE INDEX outbox_by_state ON outbox (state, id DESC);
CREATE INDEX outbox_of_ticket ON outbox (ticket_id, id DESC) WHERE ticket_id IS NOT NULL;
CREATE INDEX outbox_of_customer ON outbox (customer_id, id DESC) WHERE customer_id IS NOT NULL;
CREATE INDEX outbox_failed_texts ON outbox (settled_at) WHERE state = 'failed' AND content IS NOT NULL;

-- Requests that may come twice: the key, what was asked, and what came of it.
-- clustered
CREATE TABLE idempotency (
  scope TEXT NOT NULL,                      -- who: c and a customer's id, or k and an API key's
  key TEXT NOT NULL,
  request_hash BYTEA NOT NULL,
  ticket_id BIGINT NOT NULL,
  entry_id BIGINT,                          -- NULL: the ticket itself was created
  created_at BIGINT NOT NULL,
  PRIMARY KEY (scope, key)
);
CREATE INDEX idempotency_by_age ON idempotency (created_at);

-- What happened, for programs. Written with what caused it, in `event_inbox`; a job then gives each a
-- number and moves it into `events`. Numbers are given by one transaction at a time and after the
-- cause is committed, so whoever has read up to a number has missed nothing before it.
-- clustered
CREATE TABLE event_inbox (
  id BIGINT NOT NULL,
  subject_id BIGINT NOT NULL,               -- the ticket's id, or the customer's
  kind TEXT NOT NULL,
  at BIGINT NOT NULL,
  ticket_id BIGINT REFERENCES tickets (id),
  entry_id BIGINT,                          -- the timeline entry that it is
  customer_id BIGINT NOT NULL REFERENCES customers (id),
  author TEXT,
  changes TEXT,                             -- JSON: {"field": {"from": …, "to": …}}
  PRIMARY KEY (id, subject_id, kind)
);

-- clustered
CREATE TABLE events (
  number BIGINT PRIMARY KEY,                -- 1, 2, 3, … without a gap
  kind TEXT NOT NULL,
  at BIGINT NOT NULL,
  ticket_id BIGINT REFERENCES tickets (id),
  entry_id BIGINT,
  customer_id BIGINT NOT NULL REFERENCES customers (id),
  author TEXT,
  changes TEXT
);

-- One row: the last number given. Who holds it gives numbers.
-- clustered
CREATE TABLE event_numbers (
  id BIGINT PRIMARY KEY CHECK (id = 1),
  last BIGINT NOT NULL
);
INSERT INTO event_numbers (id, last) VALUES (1, 0);

-- Where events are sent, by the Standard Webhooks specification.
CREATE TABLE webhooks (
  id BIGINT PRIMARY KEY,
  url TEXT NOT NULL CHECK (length(url) BETWEEN 1 AND 2000),
  about TEXT NOT NULL CHECK (length(about) <= 200),
  kinds TEXT NOT NULL,                      -- JSON list of kinds of events; [] means all
  secret BYTEA NOT NULL,                    -- signs: it cannot be hashed
  old_secret BYTEA,                         -- signs beside the new one for a while
  old_secret_until BIGINT,
  active BOOLEAN NOT NULL,
  created_at BIGINT NOT NULL,
  due_at BIGINT NOT NULL,                   -- not before; a lease, or waiting after failures, moves it on
  attempt BIGINT NOT NULL,                  -- counts claims: who settles must name the last one
  failures BIGINT NOT NULL                  -- in a row, of the target as a whole
);

CREATE TABLE deliveries (
  id BIGINT PRIMARY KEY,
  webhook_id BIGINT NOT NULL REFERENCES webhooks (id),
  event_number BIGINT,                      -- NULL: a test call
  message_id TEXT NOT NULL UNIQUE,          -- webhook-id: the same over retries
  state TEXT NOT NULL CHECK (state IN ('queued', 'delivered', 'failed')),
  created_at BIGINT NOT NULL,
  due_at BIGINT NOT NULL,
  give_up_at BIGINT NOT NULL,
  failures BIGINT NOT NULL,
  settled_at BIGINT,
  status BIGINT,                            -- the HTTP status of the last answer
  error TEXT                                -- why the last attempt failed
);
CREATE INDEX deliveries_due ON deliveries (webhook_id, due_at, id) WHERE state = 'queued';
CREATE INDEX deliveries_of_webhook ON deliveries (webhook_id, id DESC);
CREATE INDEX deliveries_settled ON deliveries (settled_at) WHERE settled_at IS NOT NULL;

-- What was done that no timeline tells: who changed what, when, and from where. A row stays as it was
-- written: triggers (0003_audit) refuse everything but taking a person's words out of it. Ids grow with time.
CREATE TABLE audit (
  id BIGINT PRIMARY KEY,
  at BIGINT NOT NULL,
  action TEXT NOT NULL CHECK (length(action) BETWEEN 1 AND 50),   -- a word of src/domain/audit.rs
  by_kind TEXT NOT NULL CHECK (by_kind IN ('staff', 'program', 'customer', 'operator', 'system')),
  by_id BIGINT NOT NULL,                    -- 0: operator and system have none
  by_name TEXT NOT NULL CHECK (length(by_name) <= 300),           -- as they were called then
  subject_kind TEXT NOT NULL CHECK (length(subject_kind) BETWEEN 1 AND 50),
  subject_id BIGINT NOT NULL,               -- 0: it has none
  subject TEXT NOT NULL CHECK (length(subject) <= 300),           -- what it was called then
  subject_key TEXT NOT NULL,                -- the same, folded: to be found by
  details TEXT NOT NULL,                    -- JSON: {"name": {"from": …, "to": …}, "role": …}; never a secret
  network TEXT NOT NULL CHECK (length(network) <= 100),           -- roughly where from; empty if from no network
  cause TEXT                                -- the id of the HTTP request, as the log has it
);
CREATE INDEX audit_by_person ON audit (by_kind, by_id, id DESC);
CREATE INDEX audit_by_action ON audit (action, id DESC);
CREATE INDEX audit_by_subject ON audit (subject_kind, subject_id, id DESC);
CREATE INDEX audit_by_subject_words ON audit (subject_key, id DESC);

-- What was imported from elsewhere: where it came from and what it became, so that a file can be
-- imported again.
-- clustered
CREATE TABLE imports (
  source TEXT NOT NULL,                     -- the name of the system it came from
  kind TEXT NOT NULL CHECK (kind IN ('staff', 'customer', 'ticket')),
  source_id TEXT NOT NULL,                  -- what it is called there
  row_id BIGINT NOT NULL,                   -- what it is here
  line_hash BYTEA,                          -- a ticket's line as it was imported, SHA-256
  source_entry TEXT,                        -- a ticket's last imported entry, as it is called there
  last_entry BIGINT,                        -- a ticket's newest entry and its version afterwards:
  version BIGINT,                           -- others mean that it was worked on here
  PRIMARY KEY (source, kind, source_id)
);
CREATE INDEX imports_of_row ON imports (kind, row_id);
