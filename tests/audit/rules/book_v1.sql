PRAGMA application_id = 2001949233;
PRAGMA user_version = 1;
BEGIN TRANSACTION;
CREATE TABLE "_sqlite_migrations" (
   "id" INTEGER PRIMARY KEY,
   "migration_set" TEXT,
   "name" TEXT,
   "applied_at" TEXT
) STRICT;
INSERT INTO "_sqlite_migrations" VALUES(1,'rules','versions','2026-11-23 14:56:33.978182+00:00');
CREATE TABLE versions (
        seq integer primary key,
        change integer not null,
        action text not null,
        undoes integer,
        rule_id text not null,
        version integer not null,
        state text not null check (state in ('enabled', 'disabled', 'removed')),
        body text not null,
        author text not null,
        recorded_at text not null,
        note text not null,
        unique (rule_id, version)
    ) strict
;
INSERT INTO "versions" VALUES(1,1,'add',NULL,'cap',1,'enabled','{"id": "cap", "kind": "frequency_cap", "note": "it''s \"so\"", "limit": 3, "window": "7d"}','ada','2026-01-02T12:00:00.000007Z','ticket 4711');
INSERT INTO "versions" VALUES(2,1,'add',NULL,'mute',1,'enabled','{"id": "mute", "kind": "mute", "campaigns": ["kindle"]}','ada','2026-01-02T12:00:00.000007Z','ticket 4711');
INSERT INTO "versions" VALUES(3,2,'set',NULL,'cap',2,'enabled','{"id": "cap", "kind": "frequency_cap", "valid_until": "2027-01-01T00:00:00Z", "note": "it''s \"so\"", "limit": 2, "window": "7d"}','bob','2026-01-03T12:00:00.000007Z','');
INSERT INTO "versions" VALUES(4,3,'disable',NULL,'cap',3,'disabled','{"id": "cap", "kind": "frequency_cap", "valid_until": "2027-01-01T00:00:00Z", "enabled": false, "note": "it''s \"so\"", "limit": 2, "window": "7d"}','bob','2026-01-04T12:00:00.000007Z','');
INSERT INTO "versions" VALUES(5,4,'remove',NULL,'mute',2,'removed','{"id": "mute", "kind": "mute", "campaigns": ["kindle"]}','ada','2026-01-05T12:00:00.000007Z','no longer needed');
INSERT INTO "versions" VALUES(6,5,'undo',4,'mute',3,'enabled','{"id": "mute", "kind": "mute", "campaigns": ["kindle"]}','ada','2026-01-06T12:00:00.000007Z','');
CREATE UNIQUE INDEX "idx__sqlite_migrations_migration_set_name"
    ON "_sqlite_migrations" ("migration_set", "name");
COMMIT;
