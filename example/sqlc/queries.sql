-- name: AddNotebook :exec
-- AddNotebook adds a notebook. An insert names the tenant, as it names every column.
INSERT INTO notebooks (tenant_id, id, title) VALUES ($1, $2, $3);

-- name: AddNote :one
-- AddNote adds a note and returns it as the database has it.
INSERT INTO notes (tenant_id, id, notebook_id, body, remind_at)
VALUES ($1, $2, $3, $4, $5)
RETURNING *;

-- name: GetNote :one
-- GetNote looks for no tenant, nor does any query below: whose note it is, the context says.
SELECT * FROM notes WHERE id = $1;

-- name: ListNotes :many
-- ListNotes returns all notes, each with the title of its notebook.
SELECT notes.id, notes.body, notebooks.title AS notebook
FROM notes JOIN notebooks ON notebooks.id = notes.notebook_id
ORDER BY notes.id;

-- name: CountNotes :one
-- CountNotes counts all notes.
SELECT count(*) FROM notes;

-- name: RewriteNote :execrows
-- RewriteNote changes a note, and says whether there was one.
UPDATE notes SET body = $2 WHERE id = $1;

-- name: RemoveNote :execrows
-- RemoveNote removes a note, and says whether there was one.
DELETE FROM notes WHERE id = $1;
