-- The tables of osTicket 1.18 that docs/migrating/osticket.sql reads, with the types of its installer, and
-- a little of everything in them.
CREATE TABLE ost_staff (
  staff_id int(11) unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, username varchar(32) NOT NULL DEFAULT '',
  firstname varchar(32), lastname varchar(32), email varchar(255), isactive tinyint(1) NOT NULL DEFAULT 1,
  isadmin tinyint(1) NOT NULL DEFAULT 0, created datetime NOT NULL);
CREATE TABLE ost_organization (id int(11) unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, name varchar(128) NOT NULL DEFAULT '');
CREATE TABLE ost_user (
  id int(10) unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, org_id int(10) unsigned NOT NULL,
  default_email_id int(10) NOT NULL, name varchar(128) NOT NULL, created datetime NOT NULL);
CREATE TABLE ost_user_email (
  id int(10) unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, user_id int(10) unsigned NOT NULL, address varchar(255) NOT NULL);
CREATE TABLE ost_user__cdata (user_id int(11) unsigned NOT NULL PRIMARY KEY, email mediumtext, name mediumtext, phone mediumtext, notes mediumtext);
CREATE TABLE ost_ticket_status (id int(11) NOT NULL AUTO_INCREMENT PRIMARY KEY, name varchar(60) NOT NULL, state varchar(16));
CREATE TABLE ost_ticket_priority (
  priority_id tinyint(4) NOT NULL AUTO_INCREMENT PRIMARY KEY, priority varchar(60) NOT NULL,
  priority_urgency tinyint(1) unsigned NOT NULL DEFAULT 0);
CREATE TABLE ost_help_topic (topic_id int(11) unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, topic varchar(128) NOT NULL DEFAULT '');
CREATE TABLE ost_ticket (
  ticket_id int(11) unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, number varchar(20), user_id int(11) unsigned NOT NULL DEFAULT 0,
  status_id int(10) unsigned NOT NULL DEFAULT 0, topic_id int(10) unsigned NOT NULL DEFAULT 0,
  staff_id int(10) unsigned NOT NULL DEFAULT 0, closed datetime, created datetime NOT NULL);
CREATE TABLE ost_ticket__cdata (ticket_id int(11) unsigned NOT NULL PRIMARY KEY, subject mediumtext, priority mediumtext);
CREATE TABLE ost_thread (
  id int(11) unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, object_id int(11) unsigned NOT NULL, object_type char(1) NOT NULL);
CREATE TABLE ost_thread_entry (
  id int(11) unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, thread_id int(11) unsigned NOT NULL DEFAULT 0,
  staff_id int(11) unsigned NOT NULL DEFAULT 0, user_id int(11) unsigned NOT NULL DEFAULT 0, type char(1) NOT NULL DEFAULT '',
  flags int(11) unsigned NOT NULL DEFAULT 0, poster varchar(128) NOT NULL DEFAULT '', body text NOT NULL,
  format varchar(16) NOT NULL DEFAULT 'html', created datetime NOT NULL);

INSERT INTO ost_staff (username, firstname, lastname, email, isactive, isadmin, created) VALUES
  ('dana', 'Dana', 'Réyes', 'dana@rfs.example', 1, 1, '2020-01-01 12:00:00'),
  ('kim', '', '', 'kim@rfs.example', 0, 0, '2020-01-01 12:00:00');
INSERT INTO ost_organization (name) VALUES ('Café Lumen');
INSERT INTO ost_user (org_id, default_email_id, name, created) VALUES
  (1, 1, 'Ana Costa', '2020-01-01 12:00:00'), (0, 2, 'Ben', '2020-01-02 12:00:00'), (0, 9, 'Nobody', '2020-01-02 12:00:00');
INSERT INTO ost_user_email (user_id, address) VALUES (1, 'ana@cafe-lumen.example'), (2, ' ben@example.com'), (1, 'ana@home.example');
INSERT INTO ost_user__cdata (user_id, phone) VALUES (1, '+351 210 000 000');
INSERT INTO ost_ticket_status (name, state) VALUES ('Open', 'open'), ('Resolved', 'closed'), ('Deleted', 'deleted');
INSERT INTO ost_ticket_priority (priority, priority_urgency) VALUES ('low', 4), ('normal', 3), ('high', 2), ('emergency', 1);
INSERT INTO ost_help_topic (topic) VALUES ('CCTV'), ('Users');
INSERT INTO ost_ticket (number, user_id, status_id, topic_id, staff_id, closed, created) VALUES
  ('482913', 1, 2, 1, 1, '2020-03-05 11:00:00', '2020-03-01 11:00:00'),
  ('482914', 2, 1, 2, 0, NULL, '2020-03-02 11:00:00'),
  ('482915', 1, 1, 2, 2, NULL, '2020-03-03 11:00:00'),
  ('482916', 1, 3, 1, 0, NULL, '2020-03-03 11:00:00'),
  ('482917', 3, 1, 1, 0, NULL, '2020-03-04 11:00:00');
INSERT INTO ost_ticket__cdata VALUES (1, 'Camera 3\tis black', '3'), (2, 'New', '1'), (3, 'Waiting', NULL), (4, 'Gone', '2'), (5, 'By telephone', '4');
INSERT INTO ost_thread (object_id, object_type) VALUES (1, 'T'), (2, 'T'), (3, 'T'), (4, 'T'), (5, 'T'), (1, 'A');
INSERT INTO ost_thread_entry (thread_id, staff_id, user_id, type, flags, poster, body, format, created) VALUES
  (1, 1, 0, 'N', 0, 'Dana Réyes', '<p>Seen on <b>patrol</b>.</p>', 'html', '2020-03-01 11:00:00'),
  (1, 0, 1, 'M', 65, 'Ana Costa', '<head><style>p { color: red }</style></head><p>Since the\nstorm&nbsp;&mdash; 😀</p>\n<ul><li>front</li>\n<li>back &lt;left&gt; &amp;amp;</li></ul><!-- x -->', 'html', '2020-03-01 11:00:01'),
  (1, 1, 0, 'R', 4, 'Dana Réyes', '<div>The old version of an answer.</div>', 'html', '2020-03-01 11:20:00'),
  (1, 1, 0, 'R', 64, 'Dana Réyes', '<div>We come<br>at two.</div>', 'html', '2020-03-01 11:30:00'),
  (1, 0, 1, 'M', 64, 'Ana Costa', CONCAT('Good.\r\n\r\n\r\n\r\n  Code \\n "7"', CHAR(7)), 'text', '2020-03-01 11:40:00'),
  (1, 0, 0, 'R', 0, 'SYSTEM', 'Your ticket was closed.', 'text', '2020-03-05 11:00:00'),
  (2, 0, 2, 'M', 65, 'Ben', REPEAT('ö', 30000), 'text', '2020-03-02 11:00:00'),
  (3, 2, 0, 'N', 0, '', 'Only for us', 'text', '2020-03-03 11:00:00'),
  (4, 0, 1, 'M', 65, 'Ana Costa', 'Deleted', 'text', '2020-03-03 11:10:00'),
  (5, 0, 3, 'M', 65, 'Nobody', 'Called', 'text', '2020-03-04 11:10:00'),
  (6, 1, 0, 'N', 0, 'Dana Réyes', 'A task that has the number of the ticket', 'text', '2020-03-04 11:10:00');
