/**
 * Tables of the registry, as forward-only migrations: `PRAGMA user_version` is the number applied. A released migration
 * is never edited. What each table holds and whether it is secret: README "Stored shapes". No plaintext key is in any.
 */
export const migrations: readonly string[] = [
  `
  CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;

  -- Every object this bridge ever made in the store, from before it was made (two-phase creation).
  CREATE TABLE objects (
    object_id TEXT PRIMARY KEY,
    purpose TEXT NOT NULL CHECK (purpose IN ('identity', 'sealing', 'probe', 'key-version')),
    state TEXT NOT NULL CHECK (state IN ('creating', 'ready', 'destroying', 'destroyed')),
    created_at_ms INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  -- Objects found in the store that this registry does not know: recorded, never destroyed.
  CREATE TABLE quarantine (
    object_id TEXT NOT NULL,
    label TEXT NOT NULL,
    first_seen_at_ms INTEGER NOT NULL,
    last_seen_at_ms INTEGER NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (object_id, label)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE edges (
    edge TEXT PRIMARY KEY,
    public_key BLOB NOT NULL UNIQUE CHECK (length(public_key) = 32),
    accounts TEXT NOT NULL,
    regions TEXT NOT NULL,
    edge_group TEXT NOT NULL,
    enrolled_at_ms INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  -- suite is null only for a key given up before it was made.
  CREATE TABLE keys (
    key_id TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    suite INTEGER,
    state TEXT NOT NULL CHECK (state IN ('active', 'abandoned', 'destroying', 'destroyed')),
    created_at_ms INTEGER NOT NULL,
    destroy_not_before_ms INTEGER,
    destroyed_at_ms INTEGER
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE key_versions (
    key_id TEXT NOT NULL REFERENCES keys,
    version INTEGER NOT NULL,
    object_id TEXT NOT NULL UNIQUE REFERENCES objects,
    created_at_ms INTEGER NOT NULL,
    PRIMARY KEY (key_id, version)
  ) STRICT, WITHOUT ROWID;

  -- period: number of the day (since 1970-01-01) on which the branch's period begins. wrapped is null once destroyed.
  CREATE TABLE branches (
    branch TEXT PRIMARY KEY,
    key_id TEXT NOT NULL,
    version INTEGER NOT NULL,
    edge_group TEXT NOT NULL,
    period INTEGER NOT NULL,
    wrapped BLOB,
    created_at_ms INTEGER NOT NULL,
    UNIQUE (key_id, version, edge_group, period),
    FOREIGN KEY (key_id, version) REFERENCES key_versions
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE freezes (
    kind TEXT NOT NULL CHECK (kind IN ('edge', 'key', 'account')),
    id TEXT NOT NULL,
    reason TEXT NOT NULL,
    frozen_at_ms INTEGER NOT NULL,
    PRIMARY KEY (kind, id)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE epochs (account TEXT PRIMARY KEY, counter INTEGER NOT NULL) STRICT, WITHOUT ROWID;

  CREATE TABLE nonces (
    edge TEXT NOT NULL,
    nonce TEXT NOT NULL,
    expires_at_ms INTEGER NOT NULL,
    PRIMARY KEY (edge, nonce)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX nonces_by_expiry ON nonces (expires_at_ms);

  CREATE TABLE log (
    seq INTEGER PRIMARY KEY,
    time_ms INTEGER NOT NULL,
    event TEXT NOT NULL,
    role TEXT NOT NULL,
    details TEXT NOT NULL,
    hash BLOB NOT NULL CHECK (length(hash) = 32)
  ) STRICT;
  CREATE TRIGGER log_is_not_changed BEFORE UPDATE ON log
    BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
  CREATE TRIGGER log_is_not_shortened BEFORE DELETE ON log
    BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
  `,
  `
  -- The most that edges may do with a key, set by operators only (key-use.ts).
  ALTER TABLE keys ADD COLUMN edge_mode_ceiling TEXT NOT NULL DEFAULT 'lease'
    CHECK (edge_mode_ceiling IN ('lease', 'proxy', 'deny'));
  `,
  `
  -- The usage of an asymmetric key, and whether a symmetric one has its material from outside. A pair is the store object of its
  -- version (objects.purpose 'key-version'), or is sealed under it.
  ALTER TABLE keys ADD COLUMN origin TEXT NOT NULL DEFAULT 'made' CHECK (origin IN ('made', 'imported'));

  -- wrapped: the private key where the store keeps none of its kind. Null once destroyed.
  CREATE TABLE key_pairs (
    key_id TEXT NOT NULL,
    version INTEGER NOT NULL,
    usage TEXT NOT NULL,
    public_key BLOB NOT NULL,
    wrapped BLOB,
    PRIMARY KEY (key_id, version),
    FOREIGN KEY (key_id, version) REFERENCES key_versions
  ) STRICT, WITHOUT ROWID;

  -- Pairs that material is wrapped with on its way here, for a day at most.
  CREATE TABLE import_pairs (
    import_id TEXT PRIMARY KEY,
    key_id TEXT NOT NULL REFERENCES keys,
    algorithm TEXT NOT NULL,
    object_id TEXT NOT NULL UNIQUE REFERENCES objects,
    wrapped BLOB,
    expires_at_ms INTEGER NOT NULL,
    failures INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE import_failures (key_id TEXT NOT NULL REFERENCES keys, time_ms INTEGER NOT NULL) STRICT;
  CREATE INDEX import_failures_by_key ON import_failures (key_id, time_ms);

  -- HMAC-SHA256 of the material under a key sealed in meta. Stays when the material is gone.
  CREATE TABLE material_fingerprints (
    key_id TEXT PRIMARY KEY REFERENCES keys,
    fingerprint BLOB NOT NULL CHECK (length(fingerprint) = 32)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- Several branch keys in one period, the highest turn of which encrypts. permitted_encryptions: the operations of every
  -- lease that let an edge encrypt with it, and those that the bridge performed itself.
  CREATE TABLE branches_by_turn (
    branch TEXT PRIMARY KEY,
    key_id TEXT NOT NULL,
    version INTEGER NOT NULL,
    edge_group TEXT NOT NULL,
    period INTEGER NOT NULL,
    turn INTEGER NOT NULL,
    permitted_encryptions INTEGER NOT NULL DEFAULT 0,
    wrapped BLOB,
    created_at_ms INTEGER NOT NULL,
    UNIQUE (key_id, version, edge_group, period, turn),
    FOREIGN KEY (key_id, version) REFERENCES key_versions
  ) STRICT, WITHOUT ROWID;

  -- Leases until now had at most 1,000,000 operations, which the log does not say: each counts as if it had.
  WITH permitted AS (
    SELECT json_extract(details, '$.branch') AS branch,
      sum(CASE event WHEN 'branch-leased' THEN 1000000 ELSE 1 END) AS encryptions
    FROM log
    WHERE event IN ('branch-leased', 'operation-performed') AND json_extract(details, '$.purpose') = 'encrypt'
    GROUP BY 1
  )
  INSERT INTO branches_by_turn
    SELECT branch, key_id, version, edge_group, period, 0, coalesce(permitted.encryptions, 0), wrapped, created_at_ms
    FROM branches LEFT JOIN permitted USING (branch);
  DROP TABLE branches;
  ALTER TABLE branches_by_turn RENAME TO branches;
  `,
  `
  -- Whether an edge ever had an operation tried with the private key. From then on only destruction, with its waiting period, ends it.
  ALTER TABLE key_pairs ADD COLUMN is_used INTEGER NOT NULL DEFAULT 0 CHECK (is_used IN (0, 1));
  UPDATE key_pairs SET is_used = 1
    WHERE key_id IN (SELECT json_extract(details, '$.keyId') FROM log WHERE event = 'operation-performed');
  `,
  `
  -- Pairs made for imports, of the last hour; those in import_pairs are fewer.
  CREATE TABLE import_pairs_made (key_id TEXT NOT NULL REFERENCES keys, time_ms INTEGER NOT NULL) STRICT;
  CREATE INDEX import_pairs_made_by_key ON import_pairs_made (key_id, time_ms);
  `,
  `
  -- Of stores of several tokens only (replicas/). Which token has an object, from before it is made there. 'copying': it may be there, and what
  -- is sealed under it is not all wrapped for the token yet; 'destroying': it may be gone.
  CREATE TABLE copies (
    object_id TEXT NOT NULL,
    token TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('copying', 'ready', 'destroying')),
    PRIMARY KEY (object_id, token)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX copies_by_token ON copies (token, state);

  -- Wrappings for tokens that the sealed bytes, known by their SHA-256, have none for.
  CREATE TABLE wrappings (
    sealed_hash BLOB NOT NULL CHECK (length(sealed_hash) = 32),
    token TEXT NOT NULL,
    object_id TEXT NOT NULL,
    wrapping BLOB NOT NULL,
    PRIMARY KEY (sealed_hash, token)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX wrappings_by_object ON wrappings (object_id);

  -- Sealed while a token could not take part: wrapped for it when it can.
  CREATE TABLE unfinished_seals (
    sealed_hash BLOB PRIMARY KEY CHECK (length(sealed_hash) = 32),
    object_id TEXT NOT NULL,
    sealed BLOB NOT NULL,
    associated_data BLOB NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX unfinished_seals_by_object ON unfinished_seals (object_id);
  `,
];
