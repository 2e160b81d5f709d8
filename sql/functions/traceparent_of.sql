-- A header traceparent of W3C Trace Context as the log keeps it; null if it is malformed. A later
-- version is kept as version 00, with the one flag that both have: it was sampled. The same rule as
-- in src/input/traceparent.ts.
create or replace function traceparent_of(header text) returns text
language sql immutable parallel safe
return case
  when header !~
    '^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-|$)'
    then null
  when header not like '00-%' then
    '00-' || substr(header, 4, 50)
      || case when substr(header, 55, 1) ~ '[13579bdf]' then '01' else '00' end
  when length(header) = 55 then header
end;
