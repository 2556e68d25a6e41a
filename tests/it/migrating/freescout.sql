-- The tables of FreeScout 1.8 that docs/migrating/freescout.sql reads, with the types of its migrations,
-- and a little of everything in them.
CREATE TABLE users (
  id int(10) unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, first_name varchar(20) NOT NULL, last_name varchar(30) NOT NULL,
  email varchar(100) NOT NULL, role tinyint(3) unsigned NOT NULL DEFAULT 1, status tinyint(3) unsigned NOT NULL DEFAULT 1,
  created_at timestamp NULL);
CREATE TABLE customers (
  id int(10) unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, first_name varchar(255), last_name varchar(255), company varchar(255),
  phones text, notes text, created_at timestamp NULL);
CREATE TABLE emails (
  id int(10) unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, customer_id int(10) unsigned, email varchar(191) NOT NULL);
CREATE TABLE mailboxes (id int(10) unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, name varchar(40) NOT NULL);
CREATE TABLE conversations (
  id int(10) unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, number int(10) unsigned NOT NULL, status tinyint(3) unsigned NOT NULL DEFAULT 1,
  state tinyint(3) unsigned NOT NULL DEFAULT 1, subject varchar(998), mailbox_id int(11) NOT NULL, user_id int(11), customer_id int(11),
  closed_at timestamp NULL, created_at timestamp NULL);
CREATE TABLE threads (
  id int(10) unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, conversation_id int(11) NOT NULL, type tinyint(3) unsigned NOT NULL,
  state tinyint(3) unsigned NOT NULL DEFAULT 1, body longtext, created_by_user_id int(11), created_by_customer_id int(11),
  created_at timestamp NULL);

INSERT INTO users (first_name, last_name, email, role, status, created_at) VALUES
  ('Dana', 'Réyes', 'dana@rfs.example', 2, 1, '2020-01-01 10:00:00'),
  ('', '', 'kim@rfs.example', 1, 2, '2020-01-01 10:00:00'),
  ('Gone', 'Away', 'gone@rfs.example', 1, 3, '2020-01-01 10:00:00');
INSERT INTO customers (first_name, last_name, company, phones, notes, created_at) VALUES
  ('Ana', 'Costa', 'Café Lumen', '[{"value":"+351 210 000 000","type":1}]', 'Pays late', '2020-01-01 10:00:00'),
  ('Ben', '', '', '', NULL, '2020-01-02 10:00:00'),
  ('Nobody', '', '', NULL, NULL, '2020-01-02 10:00:00');
INSERT INTO emails (customer_id, email) VALUES (1, 'ana@cafe-lumen.example'), (2, 'ben@example.com'), (1, 'ana@home.example');
INSERT INTO mailboxes (name) VALUES ('CCTV'), ('Users');
INSERT INTO conversations (number, status, state, subject, mailbox_id, user_id, customer_id, closed_at, created_at) VALUES
  (67001, 3, 2, 'Camera 3\tis black', 1, 1, 1, '2020-03-05 09:00:00', '2020-03-01 09:00:00'),
  (67002, 1, 2, 'New', 2, NULL, 2, NULL, '2020-03-02 09:00:00'),
  (67003, 2, 2, 'Waiting', 2, 2, 1, NULL, '2020-03-03 09:00:00'),
  (67004, 4, 2, 'Spam', 2, NULL, 2, NULL, '2020-03-03 09:00:00'),
  (67005, 1, 1, 'A draft', 2, NULL, 2, NULL, '2020-03-03 09:00:00'),
  (67006, 1, 3, 'Deleted', 2, NULL, 2, NULL, '2020-03-03 09:00:00'),
  (67007, 1, 2, NULL, 2, NULL, 3, NULL, '2020-03-04 09:00:00');
INSERT INTO threads (conversation_id, type, state, body, created_by_user_id, created_by_customer_id, created_at) VALUES
  (1, 3, 2, '<p>Seen on <b>patrol</b>.</p>', 1, NULL, '2020-03-01 09:00:00'),
  (1, 1, 2, '<head><style>p { color: red }</style></head><p>Since the\nstorm&nbsp;&mdash; 😀</p>\n<ul><li>front</li>\n<li>back &lt;left&gt; &amp;amp;</li></ul><!-- x -->', NULL, 1, '2020-03-01 09:00:01'),
  (1, 2, 1, 'A draft of an answer', 1, NULL, '2020-03-01 09:20:00'),
  (1, 2, 2, '<div>We come<br>at two.</div>', 1, NULL, '2020-03-01 09:30:00'),
  (1, 1, 2, 'Good.<br><br><br><br>Code \\n "7"', NULL, 1, '2020-03-01 09:40:00'),
  (1, 4, 2, NULL, 1, NULL, '2020-03-05 09:00:00'),
  (1, 2, 2, 'From a colleague who left', 3, NULL, '2020-03-05 09:01:00'),
  (2, 1, 2, REPEAT('ö', 30000), NULL, 2, '2020-03-02 09:00:00'),
  (3, 3, 2, 'Only for us', 2, NULL, '2020-03-03 09:00:00'),
  (4, 1, 2, 'Buy now', NULL, 2, '2020-03-03 09:00:00'),
  (7, 1, 2, 'Called', NULL, 3, '2020-03-04 09:00:00');
