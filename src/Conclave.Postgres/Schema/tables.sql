-- Version 1: what a Conclave schema holds. {schema} and the other words in braces are filled in by Migration.cs.
-- Keys are COLLATE "C": the order of their UTF-8 bytes, whatever the database's own collation is.

CREATE TABLE {schema}.format (
  version     integer NOT NULL,
  -- the first number of our advisory locks; random, so that another schema of the database, or another program, is not in our way
  lock_class  integer NOT NULL);

CREATE TABLE {schema}.namespaces (
  id           integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name         text COLLATE "C" NOT NULL UNIQUE,
  -- the longest time to live that was ever granted, in milliseconds: after a crash no session is older than that
  longest_ttl  integer NOT NULL DEFAULT 0,
  -- how long no session may be opened any more, in milliseconds, since the server forgot the sessions
  wait_out     integer NOT NULL DEFAULT 0);

-- Entries without a session are durable when their commit returns.
CREATE TABLE {schema}.entries (
  ns        integer NOT NULL,
  key       text COLLATE "C" NOT NULL,
  value     bytea NOT NULL,
  created   bigint NOT NULL,
  revision  bigint NOT NULL,
  PRIMARY KEY (ns, key))
WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);

-- What follows is UNLOGGED: no lock costs an fsync. The server empties all of it after a crash, and a promoted standby finds it empty;
-- the row in incarnations goes with the rest and so tells that it happened.

CREATE UNLOGGED TABLE {schema}.session_entries (
  ns        integer NOT NULL,
  key       text COLLATE "C" NOT NULL,
  value     bytea NOT NULL,
  created   bigint NOT NULL,
  revision  bigint NOT NULL,
  session   bigint NOT NULL,
  PRIMARY KEY (ns, key))
WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX ON {schema}.session_entries (ns, session);

CREATE UNLOGGED TABLE {schema}.sessions (
  ns    integer NOT NULL,
  id    bigint NOT NULL,
  ttl   integer NOT NULL,
  beat  bigint NOT NULL,
  -- by the server's wall clock, and therefore only a hint: what makes a session suspect, never what ends it
  due   timestamptz NOT NULL,
  PRIMARY KEY (ns, id))
WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX ON {schema}.sessions (ns, beat);
CREATE INDEX ON {schema}.sessions (ns, due);

CREATE UNLOGGED TABLE {schema}.incarnations (
  ns         integer PRIMARY KEY,
  nonce      bigint NOT NULL,
  -- the namespace's sequence; by number, so that no commit has to look for its name
  revisions  oid NOT NULL,
  -- this table's own number: another one after a dump was restored, which brings the row back, but no living session
  self       oid NOT NULL);

-- Beats rise over all namespaces and for ever; see ObservedExpiry.
CREATE SEQUENCE {schema}.beats CACHE 1;
