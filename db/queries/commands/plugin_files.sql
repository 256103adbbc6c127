-- Every binary that a component was used from: number, component, file, hash.
SELECT id, kind || '/' || name AS component, file, sha256 FROM plugin ORDER BY id;
