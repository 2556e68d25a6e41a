-- Zammad 6 (PostgreSQL) as lines for `doorkey import`. docs/MIGRATING.md says how it is run and what is
-- left behind. It only reads. Zammad keeps its times in UTC.

WITH
-- Who works tickets or administers Zammad; user 1 is Zammad itself.
agent AS (
  SELECT u.id, u.email, u.active, u.created_at,
    COALESCE(NULLIF(trim(regexp_replace(concat_ws(' ', u.firstname, u.lastname), '[[:space:][:cntrl:]]+', ' ', 'g')), ''),
      u.login) AS name,
    bool_or(p.name = 'admin' OR p.name LIKE 'admin.%') AS is_admin
  FROM users u
    JOIN roles_users ru ON ru.user_id = u.id
    JOIN permissions_roles pr ON pr.role_id = ru.role_id
    JOIN permissions p ON p.id = pr.permission_id
  WHERE u.id <> 1 AND (p.name = 'ticket.agent' OR p.name = 'admin' OR p.name LIKE 'admin.%')
  GROUP BY u.id
),
ticket AS (
  SELECT t.*, y.name AS state
  FROM tickets t
    JOIN ticket_states s ON s.id = t.state_id
    JOIN ticket_state_types y ON y.id = s.state_type_id
  WHERE y.name NOT IN ('merged', 'removed')
),
message AS (
  SELECT a.id, a.ticket_id, s.name AS sender, a.internal, a.created_at,
    COALESCE(a.origin_by_id, a.created_by_id) AS author_id,
    CASE WHEN a.content_type = 'text/html' THEN
      replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(a.body,
          '<(style|script|head|title)\M[^>]*?>.*?</\1>|<!--.*?-->', '', 'gi'),
          '[ [:cntrl:]]+', ' ', 'g'),
          '<br[^>]*>|</(p|div|tr|table|ul|ol|h[1-6]|blockquote|pre)>', E'\n', 'gi'),
          '<li[^>]*>', E'\n- ', 'gi'),
          '<[^>]*>', '', 'g'),
          E'\n ', E'\n'), '&nbsp;', ' '), '&lt;', '<'), '&gt;', '>'), '&quot;', '"'), '&#39;', ''''), '&#039;', ''''), '&apos;', ''''),
          '&mdash;', '—'), '&ndash;', '–'), '&hellip;', '…'), '&lsquo;', '‘'), '&rsquo;', '’'), '&ldquo;', '“'), '&rdquo;', '”'), '&amp;', '&')
    ELSE a.body END AS body
  FROM ticket_articles a
    JOIN ticket t ON t.id = a.ticket_id
    JOIN ticket_article_senders s ON s.id = a.sender_id
),
-- Texts of at most 20,000 characters without control characters, and no empty one.
clean AS (
  SELECT id, ticket_id, sender, internal, created_at, author_id,
    COALESCE(NULLIF(CASE WHEN char_length(body) > 19900 THEN left(body, 19900) || ' […]' ELSE body END, ''),
      '(no text)') AS body
  FROM (
    SELECT id, ticket_id, sender, internal, created_at, author_id,
      btrim(regexp_replace(regexp_replace(regexp_replace(regexp_replace(body,
        E'\r\n?', E'\n', 'g'),
        E'[\u0001-\u0008\u000B\u000C\u000E-\u001F\u007F-\u009F]', '', 'g'),
        E'[ \t]+\n', E'\n', 'g'),
        E'\n{3,}', E'\n\n', 'g'), E' \n\t') AS body
    FROM message
  ) AS trimmed
),
-- The first article that the customer can see is the description.
first AS (SELECT ticket_id, min(id) AS id FROM clean WHERE NOT internal GROUP BY ticket_id),
line AS (
  SELECT 0 AS part, 0 AS ticket, 0 AS step, NULL::timestamp AS at, 0 AS id,
    jsonb_build_object('type', 'doorkey', 'version', 1, 'source', 'zammad') AS line
  UNION ALL
  SELECT 1, 0, 0, NULL, a.id, jsonb_build_object(
    'type', 'staff', 'id', a.id::text, 'email', trim(a.email), 'name', left(a.name, 200),
    'role', CASE WHEN a.is_admin THEN 'admin' ELSE 'technician' END, 'active', a.active,
    'created_at', to_char(a.created_at, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))
  FROM agent a
  UNION ALL
  SELECT 2, 0, 0, NULL, u.id, jsonb_build_object(
    'type', 'customer', 'id', u.id::text, 'email', trim(u.email),
    'name', left(trim(regexp_replace(concat_ws(' ', u.firstname, u.lastname), '[[:space:][:cntrl:]]+', ' ', 'g')), 200),
    'phone', left(COALESCE(NULLIF(trim(u.phone), ''), trim(u.mobile)), 50),
    'company', o.name, 'notes', left(regexp_replace(u.note, '<[^>]*>', '', 'g'), 5000), 'active', u.active,
    'created_at', to_char(u.created_at, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))
  FROM users u
    LEFT JOIN organizations o ON o.id = u.organization_id
  WHERE u.id <> 1 AND u.email <> ''
    AND (u.id NOT IN (SELECT id FROM agent) OR u.id IN (SELECT customer_id FROM ticket))
  UNION ALL
  -- The old number goes into the subject, where customers and the search find it.
  SELECT 3, t.id, 0, NULL, 0, jsonb_build_object(
    'type', 'ticket', 'id', t.id::text, 'customer', t.customer_id::text, 'assignee', a.id::text,
    'subject', left(COALESCE(NULLIF(trim(regexp_replace(t.title, '[[:space:][:cntrl:]]+', ' ', 'g')), ''), '(no subject)'), 130)
      || ' (#' || t.number || ')',
    'description', COALESCE(d.body, '(no text)'),
    'priority', CASE WHEN p.name LIKE '1%' THEN 'low' WHEN p.name LIKE '3%' THEN 'high'
      WHEN p.name LIKE '4%' THEN 'urgent' ELSE 'medium' END,
    'category', g.name,
    'status', CASE WHEN t.state = 'closed' THEN 'closed'
      WHEN t.state = 'new' OR (t.state = 'open' AND a.id IS NULL) THEN 'open' ELSE 'in_progress' END,
    'status_at', CASE WHEN t.state = 'closed'
      THEN to_char(COALESCE(t.last_close_at, t.close_at), 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') END,
    'created_at', to_char(t.created_at, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))
  FROM ticket t
    JOIN ticket_priorities p ON p.id = t.priority_id
    JOIN groups g ON g.id = t.group_id
    LEFT JOIN agent a ON a.id = t.owner_id
    LEFT JOIN first f ON f.ticket_id = t.id
    LEFT JOIN clean d ON d.id = f.id
  UNION ALL
  SELECT 3, e.ticket_id, 1, e.created_at, e.id, jsonb_build_object(
    'type', 'entry', 'ticket', e.ticket_id::text, 'id', e.id::text,
    'kind', CASE WHEN e.sender = 'Customer' AND NOT e.internal THEN 'reply' ELSE 'note' END,
    'visibility', CASE WHEN e.internal THEN 'internal' ELSE 'public' END,
    'at', to_char(e.created_at, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
    'by', CASE e.sender WHEN 'Customer' THEN 'customer' WHEN 'Agent' THEN 'staff' ELSE 'system' END,
    'staff', CASE WHEN e.sender = 'Agent' THEN a.id::text END,
    'author', CASE WHEN e.sender <> 'System' THEN
      NULLIF(left(trim(regexp_replace(concat_ws(' ', u.firstname, u.lastname), '[[:space:][:cntrl:]]+', ' ', 'g')), 200), '') END,
    'body', e.body)
  FROM clean e
    LEFT JOIN first f ON f.id = e.id
    LEFT JOIN agent a ON a.id = e.author_id
    LEFT JOIN users u ON u.id = e.author_id
  WHERE f.id IS NULL
  UNION ALL
  SELECT 4, 0, 0, NULL, 0, jsonb_build_object('type', 'end')
)
SELECT line FROM line ORDER BY part, ticket, step, at NULLS FIRST, id;
