-- osTicket 1.17 and 1.18 as lines for `doorkey import`. docs/MIGRATING.md says how it is run and what is left behind.
-- It only reads.
-- Another prefix than ost_? Replace it everywhere.
-- The times are those of the server's time zone; if osTicket's were another, name it here.
SET @zone = @@session.time_zone;

WITH
-- Messages (M), responses (R) and notes (N), without the old versions of edited ones (flag 4).
message AS (
  SELECT e.id, t.ticket_id, e.type, e.staff_id, e.poster, e.created,
    CASE WHEN e.format = 'html' THEN
      REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REGEXP_REPLACE(REGEXP_REPLACE(REGEXP_REPLACE(REGEXP_REPLACE(REGEXP_REPLACE(e.body,
          '(?is)<(style|script|head|title)[^>]*>.*?</(style|script|head|title)>|<!--.*?-->', ''),
          '[ [:cntrl:]]+', ' '),
          '(?i)<br[^>]*>|</(p|div|tr|table|ul|ol|h[1-6]|blockquote|pre)>', CHAR(10)),
          '(?i)<li[^>]*>', CONCAT(CHAR(10), '- ')),
          '<[^>]*>', ''),
          CONCAT(CHAR(10), ' '), CHAR(10)), '&nbsp;', ' '), '&lt;', '<'), '&gt;', '>'), '&quot;', '"'), '&#39;', ''''), '&#039;', ''''), '&apos;', ''''),
          '&mdash;', '—'), '&ndash;', '–'), '&hellip;', '…'), '&lsquo;', '‘'), '&rsquo;', '’'), '&ldquo;', '“'), '&rdquo;', '”'), '&amp;', '&')
    ELSE e.body END AS body
  FROM ost_ticket t
    JOIN ost_thread h ON h.object_id = t.ticket_id AND h.object_type = 'T'
    JOIN ost_thread_entry e ON e.thread_id = h.id
  WHERE e.type IN ('M', 'R', 'N') AND e.flags & 4 = 0
),
-- Lines of at most 20,000 characters without control characters, and no empty one.
clean AS (
  SELECT id, ticket_id, type, staff_id, poster, created,
    COALESCE(NULLIF(IF(CHAR_LENGTH(body) > 19900, CONCAT(LEFT(body, 19900), ' […]'), body), ''), '(no text)') AS body
  FROM (
    SELECT id, ticket_id, type, staff_id, poster, created,
      TRIM(REGEXP_REPLACE(REGEXP_REPLACE(REGEXP_REPLACE(REPLACE(REPLACE(body, CHAR(13, 10), CHAR(10)), CHAR(13), CHAR(10)),
        '[\\x00-\\x08\\x0B\\x0C\\x0E-\\x1F\\x7F-\\x9F]', ''),
        CONCAT('[ ', CHAR(9), ']+', CHAR(10)), CHAR(10)),
        CONCAT('^', CHAR(10), '+|', CHAR(10), '+$|(?<=', CHAR(10), CHAR(10), ')', CHAR(10), '+'), '')) AS body
    FROM message
  ) AS trimmed
),
-- The first message of each ticket is its description.
first AS (SELECT ticket_id, MIN(id) AS id FROM clean WHERE type = 'M' GROUP BY ticket_id),
line AS (
  SELECT 0 AS part, 0 AS ticket, 0 AS step, NULL AS at, 0 AS id,
    CONVERT(JSON_OBJECT('type', 'doorkey', 'version', 1, 'source', 'osticket') USING utf8mb4) COLLATE utf8mb4_bin AS line
  UNION ALL
  SELECT 1, 0, 0, NULL, s.staff_id, CONVERT(JSON_OBJECT(
    'type', 'staff', 'id', CAST(s.staff_id AS CHAR), 'email', TRIM(s.email),
    'name', COALESCE(NULLIF(TRIM(CONCAT_WS(' ', s.firstname, s.lastname)), ''), s.username),
    'role', IF(s.isadmin = 1, 'admin', 'technician'), 'active', s.isactive,
    'created_at', DATE_FORMAT(CONVERT_TZ(s.created, @zone, '+00:00'), '%Y-%m-%dT%H:%i:%sZ')) USING utf8mb4) COLLATE utf8mb4_bin
  FROM ost_staff s
  UNION ALL
  SELECT 2, 0, 0, NULL, u.id, CONVERT(JSON_OBJECT(
    'type', 'customer', 'id', CAST(u.id AS CHAR), 'email', TRIM(m.address),
    'name', TRIM(REGEXP_REPLACE(u.name, '[[:space:][:cntrl:]]+', ' ')),
    'phone', LEFT(TRIM(REGEXP_REPLACE(c.phone, '[[:space:][:cntrl:]]+', ' ')), 50),
    'company', o.name,
    'created_at', DATE_FORMAT(CONVERT_TZ(u.created, @zone, '+00:00'), '%Y-%m-%dT%H:%i:%sZ')) USING utf8mb4) COLLATE utf8mb4_bin
  FROM ost_user u
    JOIN ost_user_email m ON m.id = u.default_email_id
    LEFT JOIN ost_user__cdata c ON c.user_id = u.id
    LEFT JOIN ost_organization o ON o.id = u.org_id
  UNION ALL
  -- The old number goes into the subject, where customers and the search find it.
  SELECT 3, t.ticket_id, 0, NULL, 0, CONVERT(JSON_OBJECT(
    'type', 'ticket', 'id', CAST(t.ticket_id AS CHAR), 'customer', CAST(t.user_id AS CHAR),
    'assignee', CAST(s.staff_id AS CHAR),
    'subject', CONCAT(LEFT(COALESCE(NULLIF(TRIM(REGEXP_REPLACE(c.subject, '[[:space:][:cntrl:]]+', ' ')), ''), '(no subject)'), 170),
      ' (#', t.number, ')'),
    'description', COALESCE(d.body, '(no text)'),
    'priority', CASE WHEN p.priority_urgency <= 1 THEN 'urgent' WHEN p.priority_urgency = 2 THEN 'high'
      WHEN p.priority_urgency >= 4 THEN 'low' ELSE 'medium' END,
    'category', NULLIF(TRIM(h.topic), ''),
    'status', CASE WHEN x.state IN ('closed', 'archived') THEN 'closed'
      WHEN s.staff_id IS NOT NULL THEN 'in_progress' ELSE 'open' END,
    'status_at', DATE_FORMAT(CONVERT_TZ(t.closed, @zone, '+00:00'), '%Y-%m-%dT%H:%i:%sZ'),
    'created_at', DATE_FORMAT(CONVERT_TZ(t.created, @zone, '+00:00'), '%Y-%m-%dT%H:%i:%sZ')) USING utf8mb4) COLLATE utf8mb4_bin
  FROM ost_ticket t
    JOIN ost_ticket_status x ON x.id = t.status_id AND x.state <> 'deleted'
    LEFT JOIN ost_ticket__cdata c ON c.ticket_id = t.ticket_id
    LEFT JOIN ost_ticket_priority p ON p.priority_id = c.priority
    LEFT JOIN ost_help_topic h ON h.topic_id = t.topic_id
    LEFT JOIN ost_staff s ON s.staff_id = t.staff_id
    LEFT JOIN first f ON f.ticket_id = t.ticket_id
    LEFT JOIN clean d ON d.id = f.id
  UNION ALL
  SELECT 3, e.ticket_id, 1, e.created, e.id, CONVERT(JSON_OBJECT(
    'type', 'entry', 'ticket', CAST(e.ticket_id AS CHAR), 'id', CAST(e.id AS CHAR),
    'kind', IF(e.type = 'M', 'reply', 'note'),
    'visibility', IF(e.type = 'N', 'internal', 'public'),
    'at', DATE_FORMAT(CONVERT_TZ(e.created, @zone, '+00:00'), '%Y-%m-%dT%H:%i:%sZ'),
    'by', CASE WHEN e.type = 'M' THEN 'customer' WHEN e.staff_id > 0 THEN 'staff' ELSE 'system' END,
    'staff', IF(e.type = 'M', NULL, CAST(s.staff_id AS CHAR)),
    'author', NULLIF(TRIM(REGEXP_REPLACE(e.poster, '[[:space:][:cntrl:]]+', ' ')), ''),
    'body', e.body) USING utf8mb4) COLLATE utf8mb4_bin
  FROM clean e
    JOIN ost_ticket t ON t.ticket_id = e.ticket_id
    JOIN ost_ticket_status x ON x.id = t.status_id AND x.state <> 'deleted'
    LEFT JOIN first f ON f.id = e.id
    LEFT JOIN ost_staff s ON s.staff_id = e.staff_id
  WHERE f.id IS NULL
  UNION ALL
  SELECT 4, 0, 0, NULL, 0, CONVERT(JSON_OBJECT('type', 'end') USING utf8mb4) COLLATE utf8mb4_bin
)
SELECT line FROM line ORDER BY part, ticket, step, at, id;
