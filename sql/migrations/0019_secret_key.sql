-- With which secret key the secrets of this installation are sealed: a known text, sealed by the
-- first start that finds none. A start whose keys do not open it is refused. `sealed_next` is
-- the same text under the key that is being rolled in, so that it is one key in all processes.
create table secret_key_check (
  is_only boolean primary key default true check (is_only),
  sealed text not null,
  sealed_next text
);
