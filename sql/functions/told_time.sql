-- The moment of a position as text for reasons: RFC 3339, UTC, in microseconds.
create or replace function told_time("position" bigint) returns text
language sql stable strict parallel safe
return to_char(time_of("position") at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');
