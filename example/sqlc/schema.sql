-- The tables, for sqlc. They are made by migrate.Provision, from the models in ./model;
-- a test compares the two.

CREATE TABLE notebooks (
    tenant_id varchar(64) NOT NULL,
    id        bigint      NOT NULL,
    title     text        NOT NULL,
    PRIMARY KEY (tenant_id, id)
);

CREATE TABLE notes (
    tenant_id   varchar(64) NOT NULL,
    id          bigint      NOT NULL,
    notebook_id bigint      NOT NULL,
    body        text        NOT NULL,
    remind_at   timestamptz,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, notebook_id) REFERENCES notebooks (tenant_id, id)
);
