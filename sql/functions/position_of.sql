-- A position is the microsecond at which something was published, read as a number.
create or replace function position_of(moment timestamptz) returns bigint
language sql immutable strict parallel safe
return (extract(epoch from moment) * 1000000)::bigint;
