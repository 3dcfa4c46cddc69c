-- The statements of the two builds before runs and attempts, as they send them: name, values as JSON, text.

-- f7558b2: record a call
-- ["[{\"n\":0,\"rollout_id\":\"new-rollout\",\"call_id\":\"call-1\",\"item_hash\":\"item-1\",\"tool\":\"search\",\"arguments\":{\"q\":1},\"outcome\":\"ok\",\"output\":\"x\",\"code\":null,\"started_at\":\"2026-11-30T00:00:00.000Z\"}]", "[{\"hash\":\"item-1\",\"content\":{\"a\":1}}]", "2147483647", "", "budget_used_up", "2026-11-30T06:58:25.457Z"]
with input as materialized (
    select * from jsonb_to_recordset($1::text::jsonb) as r(
      n int, rollout_id text, call_id text, item_hash text, tool text, arguments jsonb, outcome text, output text,
      code text, claim text, lease_seconds float8, started_at timestamptz)
  ),
  kept_items as (
    insert into items (hash, content)
    select hash, coalesce(content, 'null') from jsonb_to_recordset($2::text::jsonb) as i(hash text, content jsonb)
    order by hash
    on conflict (hash) do update set last_used_at = now()
  ),
  existing as materialized (
    select i.n, stored.*
    from input i cross join lateral (
      select t.* from tool_calls t where t.rollout_id = i.rollout_id and t.call_id = i.call_id limit 1
    ) stored
  ),
  fresh as materialized (
    select i.*, row_number() over (partition by rollout_id order by n) as nth,
      count(*) over (partition by rollout_id) as of_them
    from input i
    where n not in (select n from existing)
  ),
  counted as (
    insert into rollouts as r (id, item_hash, calls)
    select rollout_id, min(item_hash), count(*) from fresh group by rollout_id order by rollout_id
    on conflict (id) do update set calls = r.calls + excluded.calls
    returning r.id, r.calls
  ),
  numbered as materialized (
    select f.*, (c.calls - f.of_them + f.nth)::int as seq, c.calls - f.of_them + f.nth > $3::text::int as over
    from fresh f join counted c on c.id = f.rollout_id
  ),
  inserted as (
    insert into tool_calls
      (rollout_id, call_id, seq, tool, arguments, outcome, output, code, claim, lease_until, started_at, finished_at)
    select rollout_id, call_id, seq, tool, coalesce(arguments, 'null'),
      case when over then 'refused' else outcome end,
      case when over then $4::text else output end,
      case when over then $5::text else code end,
      case when over then null else claim end,
      case when over then null else now() + make_interval(secs => lease_seconds) end,
      started_at,
      case when over or outcome <> 'running' then $6::text::timestamptz end
    from numbered
  )
  select n, case when over then 'refused' else 'inserted' end as how, seq, 1 as attempt, null as tool,
    null::jsonb as arguments, null as outcome, null as output, null as code, null as claim, false as lapsed
  from numbered
  union all
  select n, 'existing', seq, attempt, tool, arguments, outcome, output, code, claim,
    coalesce(outcome = 'running' and lease_until < now(), false)
  from existing;

-- f7558b2: replay a call
-- ["[{\"n\":0,\"rollout_id\":\"rollout-1\",\"call_id\":\"call-1\",\"item_hash\":\"item-1\",\"tool\":\"search\",\"arguments\":{\"q\":1},\"outcome\":\"ok\",\"output\":\"x\",\"code\":null,\"started_at\":\"2026-11-30T00:00:00.000Z\"}]", "[]", "2147483647", "", "budget_used_up", "2026-11-30T06:58:25.457Z"]
with input as materialized (
    select * from jsonb_to_recordset($1::text::jsonb) as r(
      n int, rollout_id text, call_id text, item_hash text, tool text, arguments jsonb, outcome text, output text,
      code text, claim text, lease_seconds float8, started_at timestamptz)
  ),
  kept_items as (
    insert into items (hash, content)
    select hash, coalesce(content, 'null') from jsonb_to_recordset($2::text::jsonb) as i(hash text, content jsonb)
    order by hash
    on conflict (hash) do update set last_used_at = now()
  ),
  existing as materialized (
    select i.n, stored.*
    from input i cross join lateral (
      select t.* from tool_calls t where t.rollout_id = i.rollout_id and t.call_id = i.call_id limit 1
    ) stored
  ),
  fresh as materialized (
    select i.*, row_number() over (partition by rollout_id order by n) as nth,
      count(*) over (partition by rollout_id) as of_them
    from input i
    where n not in (select n from existing)
  ),
  counted as (
    insert into rollouts as r (id, item_hash, calls)
    select rollout_id, min(item_hash), count(*) from fresh group by rollout_id order by rollout_id
    on conflict (id) do update set calls = r.calls + excluded.calls
    returning r.id, r.calls
  ),
  numbered as materialized (
    select f.*, (c.calls - f.of_them + f.nth)::int as seq, c.calls - f.of_them + f.nth > $3::text::int as over
    from fresh f join counted c on c.id = f.rollout_id
  ),
  inserted as (
    insert into tool_calls
      (rollout_id, call_id, seq, tool, arguments, outcome, output, code, claim, lease_until, started_at, finished_at)
    select rollout_id, call_id, seq, tool, coalesce(arguments, 'null'),
      case when over then 'refused' else outcome end,
      case when over then $4::text else output end,
      case when over then $5::text else code end,
      case when over then null else claim end,
      case when over then null else now() + make_interval(secs => lease_seconds) end,
      started_at,
      case when over or outcome <> 'running' then $6::text::timestamptz end
    from numbered
  )
  select n, case when over then 'refused' else 'inserted' end as how, seq, 1 as attempt, null as tool,
    null::jsonb as arguments, null as outcome, null as output, null as code, null as claim, false as lapsed
  from numbered
  union all
  select n, 'existing', seq, attempt, tool, arguments, outcome, output, code, claim,
    coalesce(outcome = 'running' and lease_until < now(), false)
  from existing;

-- f7558b2: execute a failed call again
-- ["rollout-1", "call-1", "search", "{\"q\":1}", "ok", "x", null, null, null, "2026-11-30T06:58:25.457Z"]
update tool_calls
    set outcome = $5::text, output = $6::text, code = $7::text, attempt = attempt + 1, claim = $8::text,
      lease_until = now() + make_interval(secs => $9::text::float8),
      finished_at = case when $5::text <> 'running' then $10::text::timestamptz end
    where rollout_id = $1::text and call_id = $2::text and tool = $3::text and arguments = $4::text::jsonb
      and (outcome = 'failed' or (outcome = 'running' and lease_until < now() and $8::text is not null))
    returning seq, attempt;

-- f7558b2: open a rollout in a transaction
-- ["new-rollout", "call-1"]
select coalesce(r.calls, 0) as calls, r.state, case when t.seq is not null then json_build_object(
      'rolloutId', t.rollout_id, 'callId', t.call_id, 'seq', t.seq, 'tool', t.tool, 'arguments', t.arguments,
      'outcome', t.outcome, 'output', t.output, 'code', t.code, 'attempt', t.attempt, 'claim', t.claim,
      'lapsed', false) end as call
    from (select 1) one
    left join rollouts r on r.id = $1::text
    left join tool_calls t on t.rollout_id = $1::text and t.call_id = $2::text;

-- f7558b2: record a call in a transaction
-- ["new-rollout", "item-1", null, "call-2", "search", "{\"q\":1}", "ok", "x", "2026-11-30T00:00:00.000Z", "2026-11-30T06:58:25.457Z", "10"]
with counted as (
    insert into rollouts as r (id, item_hash, calls, state) values ($1::text, $2::text, 1, $3::text::jsonb)
    on conflict (id) do update set calls = r.calls + 1, state = coalesce(excluded.state, r.state)
    returning case when r.calls > $11::text::int then ('over the budget: ' || r.calls)::int else r.calls end as calls
  )
  insert into tool_calls (rollout_id, call_id, seq, tool, arguments, outcome, output, started_at, finished_at)
  select $1::text, $4::text, calls, $5::text, $6::text::jsonb, $7::text, $8::text, $9::text::timestamptz,
    $10::text::timestamptz
  from counted
  returning seq, set_config('idle_in_transaction_session_timeout', '5000', true);

-- f7558b2: keep an item
-- ["item-2", "{\"a\":2}"]
insert into items (hash, content) values ($1::text, $2::text::jsonb)
    on conflict (hash) do update set last_used_at = now();

-- f7558b2: look up a call
-- ["[{\"n\":0,\"r\":\"rollout-1\",\"c\":\"call-1\"}]"]
select i.n, r.calls, t.seq, t.tool, t.arguments, t.outcome, t.output, t.code, t.attempt, t.claim,
    coalesce(t.outcome = 'running' and t.lease_until < now(), false) as lapsed
  from jsonb_to_recordset($1::text::jsonb) as i(n int, r text, c text)
  cross join lateral (select calls from rollouts where id = i.r limit 1) r
  left join lateral (select * from tool_calls where rollout_id = i.r and call_id = i.c limit 1) t on true;

-- f7558b2: settle a claim
-- ["ok", "x", null, "rollout-1", "call-1", "t"]
update tool_calls
    set outcome = $1::text, output = $2::text, code = $3::text, claim = null, lease_until = null, finished_at = now()
    where rollout_id = $4::text and call_id = $5::text and outcome = 'running' and claim = $6::text
    returning 1;

-- f7558b2: look up a grading
-- ["[{\"n\":0,\"r\":\"rollout-1\",\"g\":\"g\",\"s\":\"s\"}]"]
select i.n, g.score, pg_try_advisory_xact_lock_shared(hashtextextended(i.r, 0)) as free
  from jsonb_to_recordset($1::text::jsonb) as i(n int, r text, g text, s text)
  left join lateral (
    select score from grades where rollout_id = i.r and grader = i.g and sample_hash = i.s
      and outcome = 'scored' and source = 'trainer' limit 1
  ) g on true;

-- f7558b2: read a rollout
-- ["[\"rollout-1\"]"]
select i.n, r.item_hash, r.state, t.calls
  from jsonb_array_elements_text($1::text::jsonb) with ordinality as i(id, n)
  cross join lateral (select item_hash, state from rollouts where id = i.id limit 1) r
  cross join lateral (
    select json_agg(json_build_array(seq, call_id, tool, arguments, output, outcome, code, attempt,
      extract(epoch from started_at) * 1000, extract(epoch from finished_at) * 1000,
      outcome = 'running' and lease_until < now()) order by seq) as calls
    from tool_calls where rollout_id = i.id
  ) t;

-- f7558b2: record a grading
-- ["[{\"rollout_id\":\"new-rollout\",\"grader\":\"g\",\"version\":\"1\",\"code_hash\":null,\"sample_hash\":\"s\",\"sample\":{\"output_text\":\"1\"},\"item_hash\":\"item-1\",\"outcome\":\"scored\",\"score\":1,\"parts\":null,\"reason\":null,\"code\":null,\"duration_ms\":1}]", "[{\"hash\":\"item-1\",\"content\":{\"a\":1}}]"]
with input as materialized (
    select * from jsonb_to_recordset($1::text::jsonb) as r(
      rollout_id text, grader text, version text, code_hash text, sample_hash text, sample jsonb, item_hash text, outcome text,
      score float8, parts jsonb, reason text, code text, duration_ms float8)
  ),
  kept_rollouts as (
    insert into rollouts (id, item_hash)
    select rollout_id, min(item_hash) from input group by rollout_id order by rollout_id
    on conflict (id) do nothing
  ),
  kept_items as (
    insert into items (hash, content)
    select hash, coalesce(content, 'null') from jsonb_to_recordset($2::text::jsonb) as i(hash text, content jsonb)
    order by hash
    on conflict (hash) do update set last_used_at = now()
  )
  insert into grades (rollout_id, grader, version, code_hash, source, sample_hash, sample, item_hash, outcome, score, parts,
    reason, code, duration_ms)
  select rollout_id, grader, version, code_hash, 'trainer', sample_hash, coalesce(sample, 'null'), item_hash, outcome, score, parts,
    reason, code, duration_ms
  from input order by rollout_id, grader, sample_hash
  on conflict do nothing
  returning rollout_id, grader, sample_hash, score;

-- 69784a9: record a call
-- ["[{\"n\":0,\"rollout_id\":\"newer-rollout\",\"call_id\":\"call-1\",\"item_hash\":\"item-1\",\"tool\":\"search\",\"arguments\":{\"q\":1},\"outcome\":\"ok\",\"output\":\"x\",\"code\":null,\"started_at\":\"2026-11-30T00:00:00.000Z\",\"finished_at\":\"2026-11-30T00:00:01.000Z\"}]", "[{\"hash\":\"item-1\",\"content\":{\"a\":1}}]", "2147483647", "", "budget_used_up", "2026-11-30T06:58:22.399Z"]
with input as materialized (
    select * from jsonb_to_recordset($1::text::jsonb) as r(
      n int, rollout_id text, call_id text, item_hash text, tool text, arguments jsonb, outcome text, output text,
      code text, cause text, claim text, lease_seconds float8, started_at timestamptz, finished_at timestamptz)
  ),
  kept_items as (
    insert into items (hash, content)
    select hash, coalesce(content, 'null') from jsonb_to_recordset($2::text::jsonb) as i(hash text, content jsonb)
    order by hash
    on conflict (hash) do update set last_used_at = now()
  ),
  existing as materialized (
    select i.n, stored.*, case
        when i.item_hash <> '44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a'
          and (select item_hash from rollouts where id = i.rollout_id) not in (i.item_hash, '44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a')
          then 'other item'
        when stored.outcome = i.outcome and stored.finished_at = i.finished_at and stored.code is not distinct from i.code
          then 'written'
        else 'existing' end as how
    from input i cross join lateral (
      select t.* from tool_calls t where t.rollout_id = i.rollout_id and t.call_id = i.call_id limit 1
    ) stored
  ),
  fresh as materialized (
    select i.*, row_number() over (partition by rollout_id order by n) as nth,
      count(*) over (partition by rollout_id) as of_them
    from input i
    where n not in (select n from existing)
  ),
  counted as (
    insert into rollouts as r (id, item_hash, calls)
    select rollout_id, min(item_hash), count(*) from fresh group by rollout_id order by rollout_id
    on conflict (id) do update set calls = r.calls + excluded.calls,
        item_hash = case r.item_hash when '44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a' then excluded.item_hash else r.item_hash end
      where r.item_hash in (excluded.item_hash, '44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a') or excluded.item_hash = '44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a'
    returning r.id, r.calls
  ),
  numbered as materialized (
    select f.*, (c.calls - f.of_them + f.nth)::int as seq, c.calls - f.of_them + f.nth > $3::text::int as over
    from fresh f left join counted c on c.id = f.rollout_id
  ),
  inserted as (
    insert into tool_calls
      (rollout_id, call_id, seq, tool, arguments, outcome, output, code, cause, claim, lease_until, started_at,
        finished_at)
    select rollout_id, call_id, seq, tool, coalesce(arguments, 'null'),
      case when over then 'refused' else outcome end,
      case when over then $4::text else output end,
      case when over then $5::text else code end,
      case when not over then cause::jsonb end,
      case when over then null else claim end,
      case when over then null else now() + make_interval(secs => lease_seconds) end,
      started_at,
      case when over or outcome <> 'running' then coalesce(finished_at, $6::text::timestamptz) end
    from numbered where seq is not null
  )
  select n, case when seq is null then 'other item' when over then 'refused' else 'inserted' end as how,
    coalesce(seq, 0) as seq, 1 as attempt, null as tool,
    null::jsonb as arguments, null as outcome, null as output, null as code, null as claim, false as lapsed
  from numbered
  union all
  select n, how, seq, attempt, tool, arguments, outcome, output, code, claim,
    coalesce(outcome = 'running' and lease_until < now(), false)
  from existing;

-- 69784a9: replay a call
-- ["[{\"n\":0,\"rollout_id\":\"rollout-1\",\"call_id\":\"call-1\",\"item_hash\":\"item-1\",\"tool\":\"search\",\"arguments\":{\"q\":1},\"outcome\":\"ok\",\"output\":\"x\",\"code\":null,\"started_at\":\"2026-11-30T00:00:00.000Z\",\"finished_at\":\"2026-11-30T00:00:01.000Z\"}]", "[]", "2147483647", "", "budget_used_up", "2026-11-30T06:58:22.399Z"]
with input as materialized (
    select * from jsonb_to_recordset($1::text::jsonb) as r(
      n int, rollout_id text, call_id text, item_hash text, tool text, arguments jsonb, outcome text, output text,
      code text, cause text, claim text, lease_seconds float8, started_at timestamptz, finished_at timestamptz)
  ),
  kept_items as (
    insert into items (hash, content)
    select hash, coalesce(content, 'null') from jsonb_to_recordset($2::text::jsonb) as i(hash text, content jsonb)
    order by hash
    on conflict (hash) do update set last_used_at = now()
  ),
  existing as materialized (
    select i.n, stored.*, case
        when i.item_hash <> '44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a'
          and (select item_hash from rollouts where id = i.rollout_id) not in (i.item_hash, '44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a')
          then 'other item'
        when stored.outcome = i.outcome and stored.finished_at = i.finished_at and stored.code is not distinct from i.code
          then 'written'
        else 'existing' end as how
    from input i cross join lateral (
      select t.* from tool_calls t where t.rollout_id = i.rollout_id and t.call_id = i.call_id limit 1
    ) stored
  ),
  fresh as materialized (
    select i.*, row_number() over (partition by rollout_id order by n) as nth,
      count(*) over (partition by rollout_id) as of_them
    from input i
    where n not in (select n from existing)
  ),
  counted as (
    insert into rollouts as r (id, item_hash, calls)
    select rollout_id, min(item_hash), count(*) from fresh group by rollout_id order by rollout_id
    on conflict (id) do update set calls = r.calls + excluded.calls,
        item_hash = case r.item_hash when '44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a' then excluded.item_hash else r.item_hash end
      where r.item_hash in (excluded.item_hash, '44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a') or excluded.item_hash = '44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a'
    returning r.id, r.calls
  ),
  numbered as materialized (
    select f.*, (c.calls - f.of_them + f.nth)::int as seq, c.calls - f.of_them + f.nth > $3::text::int as over
    from fresh f left join counted c on c.id = f.rollout_id
  ),
  inserted as (
    insert into tool_calls
      (rollout_id, call_id, seq, tool, arguments, outcome, output, code, cause, claim, lease_until, started_at,
        finished_at)
    select rollout_id, call_id, seq, tool, coalesce(arguments, 'null'),
      case when over then 'refused' else outcome end,
      case when over then $4::text else output end,
      case when over then $5::text else code end,
      case when not over then cause::jsonb end,
      case when over then null else claim end,
      case when over then null else now() + make_interval(secs => lease_seconds) end,
      started_at,
      case when over or outcome <> 'running' then coalesce(finished_at, $6::text::timestamptz) end
    from numbered where seq is not null
  )
  select n, case when seq is null then 'other item' when over then 'refused' else 'inserted' end as how,
    coalesce(seq, 0) as seq, 1 as attempt, null as tool,
    null::jsonb as arguments, null as outcome, null as output, null as code, null as claim, false as lapsed
  from numbered
  union all
  select n, how, seq, attempt, tool, arguments, outcome, output, code, claim,
    coalesce(outcome = 'running' and lease_until < now(), false)
  from existing;

-- 69784a9: execute a failed call again
-- ["rollout-1", "call-1", "search", "{\"q\":1}", "ok", "x", null, null, null, "2026-11-30T00:00:01.000Z", null]
update tool_calls
  set outcome = $5::text, output = $6::text, code = $7::text, cause = $11::text::jsonb, attempt = attempt + 1, claim = $8::text,
    lease_until = now() + make_interval(secs => $9::text::float8),
    finished_at = case when $5::text <> 'running' then $10::text::timestamptz end
  where rollout_id = $1::text and call_id = $2::text and tool = $3::text and arguments = $4::text::jsonb
    and ((outcome = 'failed' and (outcome <> $5::text or finished_at is distinct from $10::text::timestamptz))
      or (outcome = 'running' and lease_until < now() and $8::text is not null))
  returning seq, attempt;

-- 69784a9: open a rollout in a transaction
-- ["newer-rollout", "call-1"]
select coalesce(r.calls, 0) as calls, r.state, r.item_hash, case when t.seq is not null then json_build_object(
    'rolloutId', t.rollout_id, 'callId', t.call_id, 'seq', t.seq, 'tool', t.tool, 'arguments', t.arguments,
    'outcome', t.outcome, 'output', t.output, 'code', t.code, 'attempt', t.attempt, 'claim', t.claim,
    'lapsed', false) end as call
  from (select 1) one
  left join rollouts r on r.id = $1::text
  left join tool_calls t on t.rollout_id = $1::text and t.call_id = $2::text;

-- 69784a9: record a call in a transaction
-- ["newer-rollout", "item-1", null, "call-2", "search", "{\"q\":1}", "ok", "x", "2026-11-30T00:00:00.000Z", "2026-11-30T06:58:22.399Z", "10"]
with counted as (
    insert into rollouts as r (id, item_hash, calls, state) values ($1::text, $2::text, 1, $3::text::jsonb)
    on conflict (id) do update set calls = r.calls + 1, state = coalesce(excluded.state, r.state),
      item_hash = case r.item_hash when '44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a' then excluded.item_hash else r.item_hash end
    returning r.calls / (r.calls <= $11::text::int and $2::text in (r.item_hash, '44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a'))::int as calls
  )
  insert into tool_calls (rollout_id, call_id, seq, tool, arguments, outcome, output, started_at, finished_at)
  select $1::text, $4::text, calls, $5::text, $6::text::jsonb, $7::text, $8::text, $9::text::timestamptz,
    $10::text::timestamptz
  from counted
  returning seq, set_config('idle_in_transaction_session_timeout', '5000', true);

-- 69784a9: keep an item
-- ["item-2", "{\"a\":2}"]
insert into items (hash, content) values ($1::text, $2::text::jsonb)
  on conflict (hash) do update set last_used_at = now();

-- 69784a9: look up a call
-- ["[{\"n\":0,\"r\":\"rollout-1\",\"c\":\"call-1\"}]"]
select i.n, r.calls, r.item_hash, t.seq, t.tool, t.arguments, t.outcome, t.output, t.code, t.attempt, t.claim,
    coalesce(t.outcome = 'running' and t.lease_until < now(), false) as lapsed
  from jsonb_to_recordset($1::text::jsonb) as i(n int, r text, c text)
  cross join lateral (select calls, item_hash from rollouts where id = i.r limit 1) r
  left join lateral (select * from tool_calls where rollout_id = i.r and call_id = i.c limit 1) t on true;

-- 69784a9: settle a claim
-- ["ok", "x", null, "rollout-1", "call-1", "t", null]
update tool_calls
    set outcome = $1::text, output = $2::text, code = $3::text, cause = $7::text::jsonb, claim = null, lease_until = null, finished_at = now()
    where rollout_id = $4::text and call_id = $5::text and outcome = 'running' and claim = $6::text
    returning 1;

-- 69784a9: look up a grading
-- ["[{\"n\":0,\"r\":\"rollout-1\",\"g\":\"g\",\"s\":\"s\",\"t\":\"item-1\"}]"]
select i.n, g.score, pg_try_advisory_xact_lock_shared(hashtextextended(i.r, 0)) as free
  from jsonb_to_recordset($1::text::jsonb) as i(n int, r text, g text, s text, t text)
  left join lateral (
    select score from grades where rollout_id = i.r and grader = i.g and sample_hash = i.s
      and item_hash = i.t and outcome = 'scored' and source = 'trainer' limit 1
  ) g on true;

-- 69784a9: read a rollout
-- ["[\"rollout-1\"]"]
select i.n, r.item_hash, r.state, t.calls
  from jsonb_array_elements_text($1::text::jsonb) with ordinality as i(id, n)
  cross join lateral (select item_hash, state from rollouts where id = i.id limit 1) r
  cross join lateral (
    select json_agg(json_build_object('seq', seq, 'callId', call_id, 'tool', tool, 'arguments', arguments,
      'output', output, 'outcome', outcome, 'code', code, 'attempt', attempt,
      'startedAt', extract(epoch from started_at) * 1000, 'finishedAt', extract(epoch from finished_at) * 1000,
      'lapsed', outcome = 'running' and lease_until < now()) order by seq) as calls
    from tool_calls where rollout_id = i.id
  ) t;

-- 69784a9: record a grading
-- ["[{\"n\":0,\"rollout_id\":\"newer-rollout\",\"grader\":\"g\",\"version\":\"1\",\"code_hash\":null,\"sample_hash\":\"s\",\"sample\":{\"output_text\":\"1\"},\"item_hash\":\"item-1\",\"outcome\":\"scored\",\"score\":1,\"parts\":null,\"reason\":null,\"code\":null,\"duration_ms\":1}]", "[{\"hash\":\"item-1\",\"content\":{\"a\":1}}]"]
with input as materialized (
    select i.*, (select item_hash from rollouts where id = i.rollout_id) as stored_item
    from jsonb_to_recordset($1::text::jsonb) as i(
      n int, rollout_id text, grader text, version text, code_hash text, sample_hash text, sample jsonb, item_hash text,
      outcome text, score float8, parts jsonb, reason text, code text, duration_ms float8)
  ),
  kept_rollouts as (
    insert into rollouts (id, item_hash)
    select rollout_id, coalesce(min(item_hash) filter (where item_hash <> '44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a'), '44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a')
    from input where stored_item is null group by rollout_id order by rollout_id
    on conflict (id) do nothing
    returning id, item_hash
  ),
  kept_items as (
    insert into items (hash, content)
    select hash, coalesce(content, 'null') from jsonb_to_recordset($2::text::jsonb) as i(hash text, content jsonb)
    order by hash
    on conflict (hash) do update set last_used_at = now()
  ),
  checked as materialized (
    select i.*, case
        when i.stored_item is null then k.item_hash
        else i.stored_item end as rollout_item
    from input i
    left join kept_rollouts k on k.id = i.rollout_id
  ),
  written as (
    insert into grades (rollout_id, grader, version, code_hash, source, sample_hash, sample, item_hash, outcome, score,
      parts, reason, code, duration_ms)
    select rollout_id, grader, version, code_hash, 'trainer', sample_hash, coalesce(sample, 'null'), item_hash, outcome,
      score, parts, reason, code, duration_ms
    from checked c
    where (rollout_item = item_hash or item_hash = '44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a' and rollout_item is not null)
      and (outcome = 'scored' or (
      select true from grades g where g.rollout_id = c.rollout_id and g.grader = c.grader
        and g.sample_hash = c.sample_hash and g.outcome = c.outcome and g.duration_ms = c.duration_ms limit 1) is null)
    order by rollout_id, grader, sample_hash
    on conflict do nothing
    returning rollout_id, grader, sample_hash
  )
  select n, case
      when rollout_item is null then 'unknown item'
      when rollout_item <> item_hash and item_hash <> '44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a' then
        case rollout_item when '44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a' then 'unbound' else 'other item' end
      when outcome <> 'scored' or exists (
        select from written w
        where w.rollout_id = c.rollout_id and w.grader = c.grader and w.sample_hash = c.sample_hash) then 'written'
      else 'existing' end as how
  from checked c;
