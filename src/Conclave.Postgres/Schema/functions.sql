-- The functions of version 1. Every call of the provider is one of them.
--
-- A commit first takes the namespace's transaction lock and only then draws its revision, and every statement behind the lock has a snapshot of
-- its own: so each sees all that was committed before, and revisions become visible in their order. A bare sequence would commit out of order
-- and grant two holders. That holds at READ COMMITTED only; at any other level the snapshot is older than the lock, and the function says so
-- (status 3) before it did anything.
--
-- Locks (first number, second number): lock_class, namespace: commits; lock_class + 1, namespace: held, shared, by who listens.
--
-- The settings of the commit function: names mean what they mean here; a short lock_timeout of the database does not reach us; the plans are made
-- once, and always by index: the tables are often empty when a plan is made, and full of dead rows soon after.

-- Tells those who listen. Whoever listens holds a lock that we therefore cannot have; to try it and to give it back is one expression, so
-- nothing can come in between.
CREATE FUNCTION {schema}.announce(p_ns integer, p_revision bigint, p_keys text[]) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  _payload text;
BEGIN
  IF NOT (pg_catalog.pg_try_advisory_lock({listen_class}, p_ns) AND pg_catalog.pg_advisory_unlock({listen_class}, p_ns)) THEN
    -- keys have no control characters; the payload of a NOTIFY ends at 8000 bytes, and a revision alone means "many"
    _payload := p_revision::text || E'\n' || pg_catalog.array_to_string(p_keys, E'\n');
    IF pg_catalog.octet_length(_payload) > 7900 THEN
      _payload := p_revision::text;
    END IF;
    PERFORM pg_catalog.pg_notify('conclave_{lock_class}_' || p_ns::text, _payload);
  END IF;
END $$;

-- Rows: part -1: session = status (0 applied, 1 refused, 2 another incarnation, 3 isolation level, 4 session gone, 5 suspects), revision;
-- part 0 and above: an entry that answers this read; part -2: a suspect: session, created = beat, revision = time to live.
-- A value that is null means delete, a session that is 0 means none. A read is a range of keys: p_from included, p_to excluded.
CREATE FUNCTION {schema}.commit(
  p_ns integer, p_nonce bigint,
  p_check_keys text[], p_check_revisions bigint[],
  p_keys text[], p_values bytea[], p_sessions bigint[],
  p_from text[], p_to text[], p_limits integer[])
RETURNS TABLE (part integer, key text, value bytea, created bigint, revision bigint, session bigint)
LANGUAGE plpgsql VOLATILE
{settings}
AS $$
#variable_conflict use_column
DECLARE
  _writes integer := cardinality(p_keys);
  _reads integer := cardinality(p_from);
  _now timestamptz;
  _revisions oid;
  _holds boolean;
  _places integer[];
  _gone boolean;
  _late boolean;
  _changes boolean := false;
  _durable boolean := false;
  _revision bigint;
  _changed text[] := '{}';
  _set text;
BEGIN
  part := -1;
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    session := 3;
    RETURN NEXT;
    RETURN;
  END IF;

  -- a reader shares the lock: its revision must not be that of a commit which it does not see yet
  IF _writes = 0 THEN
    PERFORM pg_advisory_xact_lock_shared({lock_class}, p_ns);
  ELSE
    PERFORM pg_advisory_xact_lock({lock_class}, p_ns);
  END IF;

  -- all that has to be known before anything is written, in one statement; _places says for each write where its key is:
  -- 0 nowhere, 1 in entries, 2 in session_entries. Scalar subqueries: an EXISTS may be planned as a hash of the whole table, and is as long as the
  -- statistics are those of an empty one
  _now := clock_timestamp();
  SELECT
    i.revisions,
    (SELECT coalesce(bool_and(c.revision = coalesce(
        (SELECT e.revision FROM {schema}.entries e WHERE e.ns = p_ns AND e.key = c.key),
        (SELECT s.revision FROM {schema}.session_entries s WHERE s.ns = p_ns AND s.key = c.key),
        0)), true)
      FROM unnest(p_check_keys, p_check_revisions) AS c (key, revision)),
    ARRAY(SELECT coalesce(
        (SELECT 2 FROM {schema}.session_entries s WHERE s.ns = p_ns AND s.key = w.key),
        (SELECT 1 FROM {schema}.entries e WHERE e.ns = p_ns AND e.key = w.key),
        0)
      FROM unnest(p_keys) AS w (key)),
    EXISTS (SELECT FROM unnest(p_sessions) AS w (session)
      WHERE w.session <> 0 AND (SELECT s.id FROM {schema}.sessions s WHERE s.ns = p_ns AND s.id = w.session) IS NULL),
    _writes > 0 AND _reads > 0 AND (
      EXISTS (SELECT FROM {schema}.sessions s WHERE s.ns = p_ns AND s.due < _now - interval '250 ms')
      OR EXISTS (SELECT FROM {schema}.sessions s WHERE s.ns = p_ns AND s.due > _now + interval '601 s'))
  INTO _revisions, _holds, _places, _gone, _late
  FROM {schema}.incarnations i
  WHERE i.ns = p_ns AND i.nonce = p_nonce;

  IF NOT FOUND THEN
    session := 2;
    RETURN NEXT;
    RETURN;
  END IF;

  IF _gone THEN
    session := 4;
    RETURN NEXT;
    RETURN;
  END IF;

  IF _late AND _holds THEN
    -- somebody whose entries are about to be answered is overdue by the wall clock, or comes from the future: the provider finds out
    -- whether it lives, and sends the commit again
    RETURN QUERY
      SELECT -2, NULL::text, NULL::bytea, s.beat, s.ttl::bigint, s.id
      FROM {schema}.sessions s
      WHERE s.ns = p_ns AND (s.due < _now - interval '250 ms' OR s.due > _now + interval '601 s')
        AND EXISTS (
          SELECT FROM {schema}.session_entries e, unnest(p_from, p_to) AS r (lower, upper)
          WHERE e.ns = p_ns AND e.session = s.id AND e.key >= r.lower AND e.key < r.upper);
    IF FOUND THEN
      session := 5;
      RETURN NEXT;
      RETURN;
    END IF;
  END IF;

  IF _holds AND _writes > 0 THEN
    FOR i IN 1.._writes LOOP
      IF _places[i] <> 0 OR p_values[i] IS NOT NULL THEN
        _changes := true;
        _durable := _durable OR _places[i] = 1 OR _places[i] = 0 AND p_sessions[i] = 0;
      END IF;
    END LOOP;
  END IF;

  IF NOT _changes THEN
    _revision := coalesce(pg_sequence_last_value(_revisions), 0);
  ELSE
    -- what belongs to a session is gone after a crash anyhow, so nobody waits for a disk; the sequence writes a record now and then
    IF NOT _durable THEN
      _set := set_config('synchronous_commit', 'off', true);
    ELSIF current_setting('synchronous_commit') = 'off' THEN
      _set := set_config('synchronous_commit', 'local', true);
    END IF;

    _revision := nextval(_revisions::regclass);
    FOR i IN 1.._writes LOOP
      IF p_values[i] IS NULL THEN
        CONTINUE WHEN _places[i] = 0;
        IF _places[i] = 2 THEN
          DELETE FROM {schema}.session_entries s WHERE s.ns = p_ns AND s.key = p_keys[i];
        ELSE
          DELETE FROM {schema}.entries e WHERE e.ns = p_ns AND e.key = p_keys[i];
        END IF;
      ELSIF _places[i] = 2 THEN
        UPDATE {schema}.session_entries s SET value = p_values[i], revision = _revision WHERE s.ns = p_ns AND s.key = p_keys[i];
      ELSIF _places[i] = 1 THEN
        UPDATE {schema}.entries e SET value = p_values[i], revision = _revision WHERE e.ns = p_ns AND e.key = p_keys[i];
      ELSIF p_sessions[i] <> 0 THEN
        INSERT INTO {schema}.session_entries VALUES (p_ns, p_keys[i], p_values[i], _revision, _revision, p_sessions[i]);
      ELSE
        INSERT INTO {schema}.entries VALUES (p_ns, p_keys[i], p_values[i], _revision, _revision);
      END IF;
      _changed := _changed || p_keys[i];
    END LOOP;

    PERFORM {schema}.announce(p_ns, _revision, _changed);
  END IF;

  -- one statement, so one instant for all reads; a MergeAppend over both primary keys
  IF _reads > 0 THEN
    RETURN QUERY
      SELECT r.number::integer - 1, f.key, f.value, f.created, f.revision, f.session
      FROM unnest(p_from, p_to, p_limits) WITH ORDINALITY AS r (lower, upper, most, number),
        LATERAL (
          SELECT * FROM (
            SELECT e.key, e.value, e.created, e.revision, 0::bigint AS session
            FROM {schema}.entries e WHERE e.ns = p_ns AND e.key >= r.lower AND e.key < r.upper
            UNION ALL
            SELECT s.key, s.value, s.created, s.revision, s.session
            FROM {schema}.session_entries s WHERE s.ns = p_ns AND s.key >= r.lower AND s.key < r.upper) both_tables
          ORDER BY both_tables.key
          LIMIT r.most) f;
  END IF;

  part := -1;
  key := NULL;
  value := NULL;
  created := NULL;
  revision := _revision;
  session := CASE WHEN _holds THEN 0 ELSE 1 END;
  RETURN NEXT;
END $$;

-- Opens a session: status 0 opened, 2 another incarnation, 3 isolation level, 6 wait. The caller says how much of the wait-out it has seen pass on
-- its own monotonic clock, since it heard that so much was left; that counts once.
CREATE FUNCTION {schema}.open_session(
  p_ns integer, p_nonce bigint, p_id bigint, p_ttl integer, p_waited integer, p_of integer,
  OUT status integer, OUT wait_out integer)
LANGUAGE plpgsql VOLATILE
{settings}
AS $$
DECLARE
  _longest integer;
  _set text;
BEGIN
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    status := 3;
    RETURN;
  END IF;

  PERFORM pg_advisory_xact_lock({lock_class}, p_ns);
  SELECT n.longest_ttl, n.wait_out INTO _longest, wait_out
  FROM {schema}.namespaces n JOIN {schema}.incarnations i ON i.ns = n.id
  WHERE n.id = p_ns AND i.nonce = p_nonce;
  IF NOT FOUND THEN
    status := 2;
    RETURN;
  END IF;

  IF wait_out > 0 AND wait_out = p_of AND p_waited > 0 THEN
    wait_out := greatest(0, wait_out - p_waited);
    UPDATE {schema}.namespaces n SET wait_out = open_session.wait_out WHERE n.id = p_ns;
  END IF;

  IF wait_out > 0 THEN
    status := 6;
    RETURN;
  END IF;

  -- on the disk before the session exists: a crash must not forget how long to wait
  IF p_ttl > _longest THEN
    UPDATE {schema}.namespaces n SET longest_ttl = p_ttl WHERE n.id = p_ns;
    IF current_setting('synchronous_commit') = 'off' THEN
      _set := set_config('synchronous_commit', 'local', true);
    END IF;
  ELSIF p_waited = 0 THEN
    _set := set_config('synchronous_commit', 'off', true);
  END IF;

  INSERT INTO {schema}.sessions
  VALUES (p_ns, p_id, p_ttl, nextval('{schema}.beats'), clock_timestamp() + p_ttl * interval '1 ms')
  -- the same call once more, because its answer was lost
  ON CONFLICT DO NOTHING;
  status := 0;
END $$;

-- Renews a session: a new beat, under the lock of its row only. A burial that comes first deletes the row, one that comes second finds another beat.
CREATE FUNCTION {schema}.renew_session(p_ns integer, p_id bigint) RETURNS boolean
LANGUAGE plpgsql VOLATILE
{settings}
AS $$
DECLARE
  _set text := set_config('synchronous_commit', 'off', true);
BEGIN
  UPDATE {schema}.sessions s
  SET beat = nextval('{schema}.beats'), due = clock_timestamp() + s.ttl * interval '1 ms'
  WHERE s.ns = p_ns AND s.id = p_id;
  RETURN FOUND;
END $$;

-- Ends a session with its entries, if its beat is still p_beat, or whatever it is where that is 0.
-- Status 0 ended, 1 not (gone already, or renewed), 2 another incarnation, 3 isolation level.
CREATE FUNCTION {schema}.end_session(p_ns integer, p_nonce bigint, p_id bigint, p_beat bigint) RETURNS integer
LANGUAGE plpgsql VOLATILE
{settings}
AS $$
DECLARE
  _revisions oid;
  _keys text[];
  _set text;
BEGIN
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    RETURN 3;
  END IF;

  PERFORM pg_advisory_xact_lock({lock_class}, p_ns);
  SELECT i.revisions INTO _revisions FROM {schema}.incarnations i WHERE i.ns = p_ns AND i.nonce = p_nonce;
  IF NOT FOUND THEN
    RETURN 2;
  END IF;

  _set := set_config('synchronous_commit', 'off', true);
  DELETE FROM {schema}.sessions s WHERE s.ns = p_ns AND s.id = p_id AND (p_beat = 0 OR s.beat = p_beat);
  IF NOT FOUND THEN
    RETURN 1;
  END IF;

  WITH deleted AS (DELETE FROM {schema}.session_entries e WHERE e.ns = p_ns AND e.session = p_id RETURNING e.key)
  SELECT array_agg(d.key) INTO _keys FROM deleted d;
  IF _keys IS NOT NULL THEN
    PERFORM {schema}.announce(p_ns, nextval(_revisions::regclass), _keys);
  END IF;
  RETURN 0;
END $$;

-- The last beat (id null), and the sessions whose beat is at most the one of their class of times to live: p_floors, p_beats. Nothing at all in
-- another incarnation.
CREATE FUNCTION {schema}.look(p_ns integer, p_nonce bigint, p_floors integer[], p_beats bigint[])
RETURNS TABLE (id bigint, beat bigint, ttl integer)
LANGUAGE plpgsql VOLATILE
{settings}
AS $$
#variable_conflict use_column
BEGIN
  beat := coalesce(pg_sequence_last_value('{schema}.beats'), 0);
  IF EXISTS (SELECT FROM {schema}.incarnations i WHERE i.ns = p_ns AND i.nonce = p_nonce) THEN
    RETURN NEXT;
    RETURN QUERY SELECT s.id, s.beat, s.ttl FROM {schema}.sessions s 
      WHERE s.ns = p_ns AND s.beat <= (SELECT max(b) FROM unnest(p_beats) b) AND s.beat <= p_beats[greatest(1, width_bucket(s.ttl, p_floors))];
  END IF;
END $$;

-- Finds or creates a namespace, and ends what belongs to an earlier incarnation of the server. p_nonce is random and becomes the new incarnation's,
-- should there have to be one. Status 0 open, 3 isolation level, 7 there is none (and p_create is false), 8 an epoch that is no number.
CREATE FUNCTION {schema}.open_namespace(
  p_name text, p_nonce bigint, p_create boolean,
  OUT status integer, OUT id integer, OUT nonce bigint, OUT wait_out integer)
LANGUAGE plpgsql VOLATILE
{settings}
AS $$
#variable_conflict use_column
DECLARE
  -- async commits may have lost the last values of a sequence: this is more than any server draws before it writes them to the disk
  _gap bigint := 1073741824;
  _self oid := '{schema}.incarnations'::regclass;
  _revisions oid;
  _epoch text;
  _revision bigint;
  _set text;
BEGIN
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    status := 3;
    RETURN;
  END IF;

  status := 0;
  SELECT n.id, i.nonce, n.wait_out INTO id, nonce, wait_out
  FROM {schema}.namespaces n LEFT JOIN {schema}.incarnations i ON i.ns = n.id AND i.self = _self
  WHERE n.name = p_name;
  IF nonce IS NOT NULL THEN
    RETURN;
  END IF;

  IF id IS NULL AND NOT p_create THEN
    status := 7;
    RETURN;
  END IF;

  -- looked at again under a lock: others may have been first
  PERFORM pg_advisory_xact_lock({lock_class}, 0);
  IF id IS NOT NULL THEN
    PERFORM pg_advisory_xact_lock({lock_class}, id);
  END IF;
  SELECT n.id, i.nonce, n.wait_out INTO id, nonce, wait_out
  FROM {schema}.namespaces n LEFT JOIN {schema}.incarnations i ON i.ns = n.id AND i.self = _self
  WHERE n.name = p_name;
  IF nonce IS NOT NULL THEN
    RETURN;
  END IF;

  IF current_setting('synchronous_commit') = 'off' THEN
    _set := set_config('synchronous_commit', 'local', true);
  END IF;
  nonce := p_nonce;
  IF id IS NULL THEN
    -- the first use of a namespace: nobody can hold anything
    INSERT INTO {schema}.namespaces (name) VALUES (p_name) RETURNING namespaces.id, namespaces.wait_out INTO id, wait_out;
    -- 48 bits: the lower part of a fencing token
    EXECUTE 'CREATE SEQUENCE {schema}.revisions_' || id || ' MAXVALUE 281474976710655 CACHE 1';
    INSERT INTO {schema}.incarnations VALUES (id, nonce, ('{schema}.revisions_' || id)::regclass, _self);
    RETURN;
  END IF;

  PERFORM pg_advisory_xact_lock({lock_class}, id);
  SELECT convert_from(e.value, 'SQL_ASCII') INTO _epoch FROM {schema}.entries e WHERE e.ns = id AND e.key = '{epoch_key}';
  _epoch := coalesce(_epoch, '0');
  IF _epoch !~ '^[0-9]{1,9}$' OR _epoch::integer >= {max_epoch} THEN
    status := 8;
    RETURN;
  END IF;

  DELETE FROM {schema}.session_entries e WHERE e.ns = id;
  DELETE FROM {schema}.sessions s WHERE s.ns = id;
  DELETE FROM {schema}.incarnations i WHERE i.ns = id;
  _revisions := ('{schema}.revisions_' || id)::regclass;
  PERFORM setval(_revisions, coalesce(pg_sequence_last_value(_revisions), 0) + _gap);
  PERFORM setval('{schema}.beats', coalesce(pg_sequence_last_value('{schema}.beats'), 0) + _gap);
  _revision := nextval(_revisions::regclass);
  INSERT INTO {schema}.entries
  VALUES (id, '{epoch_key}', convert_to((_epoch::integer + 1)::text, 'SQL_ASCII'), _revision, _revision)
  ON CONFLICT ON CONSTRAINT entries_pkey DO UPDATE SET value = excluded.value, revision = excluded.revision;
  UPDATE {schema}.namespaces n SET wait_out = n.longest_ttl WHERE n.id = open_namespace.id RETURNING n.wait_out INTO wait_out;
  INSERT INTO {schema}.incarnations VALUES (id, nonce, _revisions, _self);
  PERFORM pg_notify('conclave_{lock_class}_' || id::text, _revision::text);
END $$;
