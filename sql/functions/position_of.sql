-- The position of a moment: microseconds since 1970.
create or replace function position_of(moment timestamptz) returns bigint
language sql immutable strict parallel safe
return (extract(epoch from moment) * 1000000)::bigint;
