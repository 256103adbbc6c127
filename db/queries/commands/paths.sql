-- Every parameter's path, and whether configs of the database differ in it: in its
-- value, or in having it where it names a component. Two seeks and a count each.
SELECT h.path,
       (SELECT p.value FROM param p WHERE p.path_id = h.id ORDER BY p.value LIMIT 1) IS NOT
       (SELECT p.value FROM param p WHERE p.path_id = h.id ORDER BY p.value DESC LIMIT 1)
       OR (h.path GLOB '*.use'
           AND (SELECT count(*) FROM param p WHERE p.path_id = h.id) < (SELECT count(DISTINCT config_id) FROM trial)) AS differs
  FROM path h
 WHERE EXISTS (SELECT 1 FROM param p WHERE p.path_id = h.id)
 ORDER BY h.path;
