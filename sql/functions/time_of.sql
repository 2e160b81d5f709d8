-- The moment of a position: the inverse of position_of.
create or replace function time_of("position" bigint) returns timestamptz
language sql immutable strict parallel safe
return timestamptz 'epoch' + "position" * interval '1 microsecond';
