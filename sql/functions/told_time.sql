-- The moment of a position as reasons tell it: RFC 3339, UTC, to the microsecond.
create or replace function told_time("position" bigint) returns text
language sql stable strict parallel safe
return to_char(time_of("position") at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');
