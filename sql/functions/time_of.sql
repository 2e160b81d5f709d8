-- The moment of a position: what position_of was made of.
create or replace function time_of("position" bigint) returns timestamptz
language sql immutable strict parallel safe
return timestamptz 'epoch' + "position" * interval '1 microsecond';
