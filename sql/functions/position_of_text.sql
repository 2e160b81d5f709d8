-- The position of an RFC 3339 time that src/log/position.ts has taken: the same number. A cast to
-- timestamptz would refuse the year 0000 and an offset of 16 hours, and round what is finer than a
-- microsecond. No position is before 1970 or after 2255, the largest number that JavaScript holds.
create or replace function position_of_text("time" text) returns bigint
language sql immutable strict parallel safe
return case
  when left("time", 4)::integer < 1969 then 0
  else least(9007199254740991, greatest(
    0,
    extract(epoch from
      make_timestamp(
        left("time", 4)::integer, substr("time", 6, 2)::integer, substr("time", 9, 2)::integer,
        substr("time", 12, 2)::integer, substr("time", 15, 2)::integer,
        substr("time", 18, 2)::integer
      ) - coalesce(substring("time" from '[+-]\d\d:\d\d$'), '00:00')::interval
    )::bigint * 1000000
      + rpad(coalesce(substring("time" from '\.(\d{1,6})'), ''), 6, '0')::bigint
  ))
end;
