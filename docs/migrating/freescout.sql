-- FreeScout 1.8 as lines for `doorkey import`. docs/MIGRATING.md says how it is run and what is left behind.
-- It only reads.
-- The times are those of APP_TIMEZONE in FreeScout's .env; name that zone here, such as
-- 'Europe/Lisbon' (then MySQL needs its time zone tables) or '+02:00'.
SET @zone = '+00:00';

WITH
-- Who can sign: users that were not deleted.
agent AS (
  SELECT id, email, status, role, created_at,
    COALESCE(NULLIF(TRIM(CONCAT_WS(' ', first_name, last_name)), ''), email) AS name
  FROM users WHERE status <> 3
),
-- Conversations that are neither draft nor deleted (state) nor spam (status).
conversation AS (
  SELECT * FROM conversations WHERE state = 2 AND status <> 4 AND customer_id IS NOT NULL
),
-- Published threads: 1 by a customer, 2 by a user, 3 a note among users, 8 a chat.
message AS (
  SELECT t.id, t.conversation_id, t.type, t.created_by_user_id, t.created_by_customer_id, t.created_at,
      REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REGEXP_REPLACE(REGEXP_REPLACE(REGEXP_REPLACE(REGEXP_REPLACE(REGEXP_REPLACE(COALESCE(t.body, ''),
          '(?is)<(style|script|head|title)[^>]*>.*?</(style|script|head|title)>|<!--.*?-->', ''),
          '[ [:cntrl:]]+', ' '),
          '(?i)<br[^>]*>|</(p|div|tr|table|ul|ol|h[1-6]|blockquote|pre)>', CHAR(10)),
          '(?i)<li[^>]*>', CONCAT(CHAR(10), '- ')),
          '<[^>]*>', ''),
          CONCAT(CHAR(10), ' '), CHAR(10)), '&nbsp;', ' '), '&lt;', '<'), '&gt;', '>'), '&quot;', '"'), '&#39;', ''''), '&#039;', ''''), '&apos;', ''''),
          '&mdash;', '—'), '&ndash;', '–'), '&hellip;', '…'), '&lsquo;', '‘'), '&rsquo;', '’'), '&ldquo;', '“'), '&rdquo;', '”'), '&amp;', '&') AS body
  FROM threads t JOIN conversation c ON c.id = t.conversation_id
  WHERE t.state = 2 AND t.type IN (1, 2, 3, 8)
),
-- Texts of at most 20,000 characters without control characters, and no empty one.
clean AS (
  SELECT id, conversation_id, type, created_by_user_id, created_by_customer_id, created_at,
    COALESCE(NULLIF(IF(CHAR_LENGTH(body) > 19900, CONCAT(LEFT(body, 19900), ' […]'), body), ''), '(no text)') AS body
  FROM (
    SELECT id, conversation_id, type, created_by_user_id, created_by_customer_id, created_at,
      TRIM(REGEXP_REPLACE(REGEXP_REPLACE(REGEXP_REPLACE(body,
        '[\\x00-\\x08\\x0B\\x0C\\x0E-\\x1F\\x7F-\\x9F]', ''),
        CONCAT('[ ', CHAR(9), ']+', CHAR(10)), CHAR(10)),
        CONCAT('^', CHAR(10), '+|', CHAR(10), '+$|(?<=', CHAR(10), CHAR(10), ')', CHAR(10), '+'), '')) AS body
    FROM message
  ) AS trimmed
),
-- The first thread that the customer can see is the description.
first AS (
  SELECT conversation_id, MIN(id) AS id FROM clean WHERE type <> 3 GROUP BY conversation_id
),
address AS (SELECT customer_id, MIN(id) AS id FROM emails GROUP BY customer_id),
line AS (
  SELECT 0 AS part, 0 AS ticket, 0 AS step, NULL AS at, 0 AS id,
    CONVERT(JSON_OBJECT('type', 'doorkey', 'version', 1, 'source', 'freescout') USING utf8mb4) COLLATE utf8mb4_bin AS line
  UNION ALL
  SELECT 1, 0, 0, NULL, a.id, CONVERT(JSON_OBJECT(
    'type', 'staff', 'id', CAST(a.id AS CHAR), 'email', TRIM(a.email), 'name', a.name,
    'role', IF(a.role = 2, 'admin', 'technician'), 'active', IF(a.status = 1, 1, 0),
    'created_at', DATE_FORMAT(CONVERT_TZ(a.created_at, @zone, '+00:00'), '%Y-%m-%dT%H:%i:%sZ')) USING utf8mb4) COLLATE utf8mb4_bin
  FROM agent a
  UNION ALL
  SELECT 2, 0, 0, NULL, c.id, CONVERT(JSON_OBJECT(
    'type', 'customer', 'id', CAST(c.id AS CHAR), 'email', TRIM(e.email),
    'name', LEFT(TRIM(REGEXP_REPLACE(CONCAT_WS(' ', c.first_name, c.last_name), '[[:space:][:cntrl:]]+', ' ')), 200),
    'phone', LEFT(TRIM(JSON_UNQUOTE(JSON_EXTRACT(NULLIF(c.phones, ''), '$[0].value'))), 50),
    'company', LEFT(TRIM(REGEXP_REPLACE(c.company, '[[:space:][:cntrl:]]+', ' ')), 200),
    'notes', LEFT(c.notes, 5000),
    'created_at', DATE_FORMAT(CONVERT_TZ(c.created_at, @zone, '+00:00'), '%Y-%m-%dT%H:%i:%sZ')) USING utf8mb4) COLLATE utf8mb4_bin
  FROM customers c
    JOIN address m ON m.customer_id = c.id
    JOIN emails e ON e.id = m.id
  UNION ALL
  -- The old number goes into the subject, where customers and the search find it.
  SELECT 3, c.id, 0, NULL, 0, CONVERT(JSON_OBJECT(
    'type', 'ticket', 'id', CAST(c.id AS CHAR), 'customer', CAST(c.customer_id AS CHAR),
    'assignee', CAST(a.id AS CHAR),
    'subject', CONCAT(LEFT(COALESCE(NULLIF(TRIM(REGEXP_REPLACE(c.subject, '[[:space:][:cntrl:]]+', ' ')), ''), '(no subject)'), 170),
      ' (#', c.number, ')'),
    'description', COALESCE(d.body, '(no text)'),
    'category', NULLIF(TRIM(b.name), ''),
    'status', CASE WHEN c.status = 3 THEN 'closed'
      WHEN c.status = 2 OR a.id IS NOT NULL THEN 'in_progress' ELSE 'open' END,
    'status_at', DATE_FORMAT(CONVERT_TZ(IF(c.status = 3, c.closed_at, NULL), @zone, '+00:00'), '%Y-%m-%dT%H:%i:%sZ'),
    'created_at', DATE_FORMAT(CONVERT_TZ(c.created_at, @zone, '+00:00'), '%Y-%m-%dT%H:%i:%sZ')) USING utf8mb4) COLLATE utf8mb4_bin
  FROM conversation c
    LEFT JOIN agent a ON a.id = c.user_id
    LEFT JOIN mailboxes b ON b.id = c.mailbox_id
    LEFT JOIN first f ON f.conversation_id = c.id
    LEFT JOIN clean d ON d.id = f.id
  UNION ALL
  SELECT 3, e.conversation_id, 1, e.created_at, e.id, CONVERT(JSON_OBJECT(
    'type', 'entry', 'ticket', CAST(e.conversation_id AS CHAR), 'id', CAST(e.id AS CHAR),
    'kind', IF(e.created_by_user_id IS NULL AND e.type <> 3, 'reply', 'note'),
    'visibility', IF(e.type = 3, 'internal', 'public'),
    'at', DATE_FORMAT(CONVERT_TZ(e.created_at, @zone, '+00:00'), '%Y-%m-%dT%H:%i:%sZ'),
    'by', IF(e.created_by_user_id IS NULL, IF(e.type = 3, 'system', 'customer'), 'staff'),
    'staff', CAST(a.id AS CHAR),
    'author', NULLIF(LEFT(TRIM(REGEXP_REPLACE(
      COALESCE(a.name, CONCAT_WS(' ', p.first_name, p.last_name)), '[[:space:][:cntrl:]]+', ' ')), 200), ''),
    'body', e.body) USING utf8mb4) COLLATE utf8mb4_bin
  FROM clean e
    LEFT JOIN first f ON f.id = e.id
    LEFT JOIN agent a ON a.id = e.created_by_user_id
    LEFT JOIN customers p ON p.id = e.created_by_customer_id
  WHERE f.id IS NULL
  UNION ALL
  SELECT 4, 0, 0, NULL, 0, CONVERT(JSON_OBJECT('type', 'end') USING utf8mb4) COLLATE utf8mb4_bin
)
SELECT line FROM line ORDER BY part, ticket, step, at, id;
