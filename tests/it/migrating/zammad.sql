-- The tables of Zammad 6 that docs/migrating/zammad.sql reads, with the types of its migrations, and a
-- little of everything in them.
CREATE TABLE organizations (id serial PRIMARY KEY, name varchar(100) NOT NULL);
CREATE TABLE users (
  id serial PRIMARY KEY, organization_id integer, login varchar(255) NOT NULL,
  firstname varchar(100) DEFAULT '', lastname varchar(100) DEFAULT '', email varchar(255) DEFAULT '',
  phone varchar(100) DEFAULT '', mobile varchar(100) DEFAULT '', active boolean NOT NULL DEFAULT true,
  note varchar(5000) DEFAULT '', created_at timestamp(3) NOT NULL DEFAULT '2020-01-01 10:00:00.5');
CREATE TABLE roles (id serial PRIMARY KEY, name varchar(100) NOT NULL);
CREATE TABLE roles_users (user_id integer, role_id integer);
CREATE TABLE permissions (id serial PRIMARY KEY, name varchar(255) NOT NULL);
CREATE TABLE permissions_roles (role_id integer, permission_id integer);
CREATE TABLE groups (id serial PRIMARY KEY, name varchar(160) NOT NULL);
CREATE TABLE ticket_state_types (id serial PRIMARY KEY, name varchar(250) NOT NULL);
CREATE TABLE ticket_states (id serial PRIMARY KEY, state_type_id integer NOT NULL, name varchar(250) NOT NULL);
CREATE TABLE ticket_priorities (id serial PRIMARY KEY, name varchar(250) NOT NULL);
CREATE TABLE ticket_article_senders (id serial PRIMARY KEY, name varchar(250) NOT NULL);
CREATE TABLE tickets (
  id serial PRIMARY KEY, group_id integer NOT NULL, priority_id integer NOT NULL, state_id integer NOT NULL,
  organization_id integer, number varchar(60) NOT NULL, title varchar(250) NOT NULL,
  owner_id integer NOT NULL, customer_id integer NOT NULL, close_at timestamp(3), last_close_at timestamp(3),
  created_at timestamp(3) NOT NULL);
CREATE TABLE ticket_articles (
  id serial PRIMARY KEY, ticket_id integer NOT NULL, type_id integer NOT NULL DEFAULT 1,
  sender_id integer NOT NULL, content_type varchar(20) NOT NULL DEFAULT 'text/plain', body text NOT NULL,
  internal boolean NOT NULL DEFAULT false, created_by_id integer NOT NULL, origin_by_id integer,
  created_at timestamp(3) NOT NULL);

INSERT INTO ticket_state_types (name) VALUES ('new'), ('open'), ('pending reminder'), ('pending action'),
  ('closed'), ('merged'), ('removed');
INSERT INTO ticket_states (state_type_id, name) VALUES (1, 'new'), (2, 'open'), (3, 'pending reminder'),
  (5, 'closed'), (6, 'merged');
INSERT INTO ticket_priorities (name) VALUES ('1 low'), ('2 normal'), ('3 high');
INSERT INTO ticket_article_senders (name) VALUES ('Agent'), ('Customer'), ('System');
INSERT INTO groups (name) VALUES ('Users'), ('CCTV');
INSERT INTO roles (name) VALUES ('Admin'), ('Agent'), ('Customer');
INSERT INTO permissions (name) VALUES ('admin'), ('ticket.agent'), ('ticket.customer'), ('user_preferences');
INSERT INTO permissions_roles VALUES (1, 1), (1, 4), (2, 2), (2, 4), (3, 3);
INSERT INTO organizations (name) VALUES ('Café Lumen');
INSERT INTO users (login, firstname, lastname, email, phone, organization_id, active, note) VALUES
  ('-', '-', '', '', '', NULL, false, ''),
  ('dana', 'Dana', 'Réyes', 'dana@rfs.example', '', NULL, true, ''),
  ('kim', '', '', 'kim@rfs.example', '', NULL, false, ''),
  ('ana', 'Ana', 'Costa', 'ana@cafe-lumen.example', '+351 210 000 000', 1, true, '<div>Pays late</div>'),
  ('ben', 'Ben', '', 'ben@example.com', '', NULL, true, ''),
  ('phone-only', 'Nobody', '', '', '123', NULL, true, '');
INSERT INTO roles_users VALUES (2, 1), (2, 2), (3, 2), (4, 3), (5, 3), (6, 3);
INSERT INTO tickets (group_id, priority_id, state_id, number, title, owner_id, customer_id, last_close_at, created_at) VALUES
  (2, 3, 4, '67001', E'Camera 3\tis black', 2, 4, '2020-03-05 09:00:00.25', '2020-03-01 09:00:00.125'),
  (1, 1, 1, '67002', 'New', 1, 5, NULL, '2020-03-02 09:00:00'),
  (1, 2, 3, '67003', 'Waiting', 3, 4, NULL, '2020-03-03 09:00:00'),
  (1, 2, 5, '67004', 'Merged away', 1, 4, NULL, '2020-03-03 09:00:00'),
  (1, 2, 2, '67005', 'By telephone', 1, 6, NULL, '2020-03-04 09:00:00');
INSERT INTO ticket_articles (ticket_id, sender_id, content_type, body, internal, created_by_id, created_at) VALUES
  (1, 1, 'text/html', '<p>Seen on <b>patrol</b>.</p>', true, 2, '2020-03-01 09:00:00.125'),
  (1, 2, 'text/html', E'<head><style>p { color: red }</style></head><p>Since the\nstorm&nbsp;&mdash; 😀</p>\n<ul><li>front</li>\n<li>back &lt;left&gt; &amp;amp;</li></ul><!-- x -->', false, 4, '2020-03-01 09:00:01'),
  (1, 1, 'text/html', '<div>We come<br>at two.</div>', false, 2, '2020-03-01 09:30:00'),
  (1, 2, 'text/plain', E'Good.\r\n\r\n\r\n\r\n  Code \\n "7"\u0007', false, 4, '2020-03-01 09:40:00'),
  (1, 3, 'text/plain', 'Your ticket was closed.', false, 1, '2020-03-05 09:00:00'),
  (2, 2, 'text/plain', repeat('ö', 30000), false, 5, '2020-03-02 09:00:00'),
  (3, 1, 'text/plain', 'Only for us', true, 3, '2020-03-03 09:00:00'),
  (3, 2, 'text/plain', 'Customer, marked internal', true, 4, '2020-03-03 09:10:00'),
  (4, 2, 'text/plain', 'Merged', false, 4, '2020-03-03 09:10:00'),
  (5, 2, 'text/plain', 'Called', false, 6, '2020-03-04 09:10:00');
