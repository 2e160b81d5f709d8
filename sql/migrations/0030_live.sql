-- Imported events (`live: false`) are for reading and replays alone. A column with a constant
-- default is a change of the catalogue only: no row is written. Processes of the version before
-- survive it: the functions that append take their calls as before. Their workers know no imported
-- events, and send them: import when all workers are new.

alter table event add column live boolean not null default true;

comment on column event.live is
  'False: imported. The live streams of all consumers pass over it; replays send it.';
