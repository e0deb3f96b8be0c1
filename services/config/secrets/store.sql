-- Statements of secrets. Each has a name, by which store.py calls it.

-- name: create
CREATE TABLE secret (
    name           TEXT    NOT NULL,
    version        INTEGER NOT NULL CHECK (version > 0),
    key_id         TEXT    NOT NULL,
    token          BLOB    NOT NULL, -- empty where the secret was deleted: its versions go on from here
    create_time_us INTEGER NOT NULL, -- microseconds since 1970 UTC
    PRIMARY KEY (name, version)
) STRICT, WITHOUT ROWID;

-- name: newest
SELECT name, version, key_id, token, create_time_us FROM secret WHERE name = :name ORDER BY version DESC LIMIT 1;

-- name: one
SELECT name, version, key_id, token, create_time_us FROM secret WHERE name = :name AND version = :version;

-- name: insert
INSERT INTO secret (name, version, key_id, token, create_time_us)
VALUES (:name, :version, :key_id, :token, :create_time_us);

-- name: page
SELECT name, version, key_id, token, create_time_us FROM secret AS newest
WHERE name > :after AND token <> x'' AND version = (SELECT max(version) FROM secret WHERE name = newest.name)
ORDER BY name LIMIT :count;

-- name: empty
UPDATE secret SET token = x'' WHERE name = :name;

-- name: other_keys
SELECT name, version, key_id, token, create_time_us FROM secret WHERE key_id <> :key_id AND token <> x'' LIMIT :count;

-- name: replace
UPDATE secret SET token = :token, key_id = :key_id WHERE name = :name AND version = :version;

-- name: versions
SELECT count(*) FROM secret WHERE token <> x'';
