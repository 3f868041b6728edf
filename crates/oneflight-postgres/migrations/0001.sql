-- oneflight-postgres, schema 1. May be run again. By hand: psql -1 -f 0001.sql
-- Other names: put yours in place of "public" and "oneflight_…"; PostgresStoresBuilder::migrations() does it for you.
SELECT pg_advisory_xact_lock(hashtext('"public"."oneflight_schema"'));
CREATE TABLE IF NOT EXISTS "public"."oneflight_schema" (
    "only" boolean PRIMARY KEY DEFAULT true CHECK ("only"),
    version integer NOT NULL
);
CREATE TABLE IF NOT EXISTS "public"."oneflight_record" (
    key text COLLATE "C" PRIMARY KEY,
    version bigint NOT NULL,
    ended boolean NOT NULL,
    written timestamptz NOT NULL,
    bytes bytea NOT NULL
);
CREATE TABLE IF NOT EXISTS "public"."oneflight_lease" (
    key text COLLATE "C" PRIMARY KEY,
    owner text NOT NULL,
    until timestamptz NOT NULL
);
INSERT INTO "public"."oneflight_schema" (version) VALUES (1) ON CONFLICT DO NOTHING;
