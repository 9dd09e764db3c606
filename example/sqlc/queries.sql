-- No query asks for a tenant: whose tables or rows these are, the context says.

-- name: AddNotebook :exec
INSERT INTO notebooks (tenant_id, id, title) VALUES ($1, $2, $3);

-- name: AddNote :one
INSERT INTO notes (tenant_id, id, notebook_id, body, remind_at)
VALUES ($1, $2, $3, $4, $5)
RETURNING *;

-- name: GetNote :one
SELECT * FROM notes WHERE id = $1;

-- name: ListNotes :many
SELECT notes.id, notes.body, notebooks.title AS notebook
FROM notes JOIN notebooks ON notebooks.id = notes.notebook_id
ORDER BY notes.id;

-- name: CountNotes :one
SELECT count(*) FROM notes;

-- name: RewriteNote :execrows
UPDATE notes SET body = $2 WHERE id = $1;

-- name: RemoveNote :execrows
DELETE FROM notes WHERE id = $1;
