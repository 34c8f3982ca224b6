-- settle() applies the rows of one turn; it knows no business rule. Loaded by a migration.
-- doc: {"headers": [[institution_id, version, previous, state], …], "commands": [[institution_id, command_id, request_hash, first, last], …],
--       "sheets": [[institution_id, sheet_key, state], …], "lanes": [[lane, how many events], …] in order of lane,
--       "events": [[lane, number within its lane from 1, institution_id, version, topic, state, hash], …]}
-- Returns the stride of positions, then for each of these lanes the position before its first event. A lost race raises serialization_failure.
-- Lock order: headers (only tried, never waited for) → commands → sheets → lanes, which are held shortest.
create or replace function settle(doc jsonb, header_count int) returns bigint[]
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  hit int;
  before bigint;
  step int;
  starts bigint[];
  befores bigint[] := '{}';
begin
  if exists (select from jsonb_array_elements(doc->'headers') e
             where not pg_try_advisory_xact_lock(hashtextextended(e->>0, 0))) then
    raise serialization_failure using message = 'somebody is at this desk';
  end if;

  insert into headers
    select e->>0, (e->>1)::bigint, (e->>2)::bigint, e->>3,
           coalesce((h->>'custody_cash_fen')::bigint, 0), coalesce((h->>'risk_deposit_cash_fen')::bigint, 0),
           coalesce((h->>'institution_receivable_fen')::bigint, 0), coalesce((h->>'unapplied_fen')::bigint, 0),
           coalesce((h->>'unearned_fen')::bigint, 0), coalesce((h->>'earned_fen')::bigint, 0),
           coalesce((h->>'release_in_transit_fen')::bigint, 0), coalesce((h->>'refund_payable_fen')::bigint, 0),
           coalesce((h->>'refund_in_transit_fen')::bigint, 0), coalesce((h->>'risk_deposit_fen')::bigint, 0)
      from (select e, (e->>3)::jsonb h from jsonb_array_elements(doc->'headers') x(e) offset 0) x
    on conflict (institution_id) do update set
      version = excluded.version, previous = excluded.previous, state = excluded.state,
      custody_cash_fen = excluded.custody_cash_fen, risk_deposit_cash_fen = excluded.risk_deposit_cash_fen,
      institution_receivable_fen = excluded.institution_receivable_fen, unapplied_fen = excluded.unapplied_fen,
      unearned_fen = excluded.unearned_fen, earned_fen = excluded.earned_fen,
      release_in_transit_fen = excluded.release_in_transit_fen, refund_payable_fen = excluded.refund_payable_fen,
      refund_in_transit_fen = excluded.refund_in_transit_fen, risk_deposit_fen = excluded.risk_deposit_fen
      where headers.version = excluded.previous;
  get diagnostics hit = row_count;
  if hit <> header_count then
    raise serialization_failure using message = 'another version than the one decided from';
  end if;

  insert into commands
    select e->>0, e->>1, e->>2, (e->>3)::bigint, (e->>4)::bigint from jsonb_array_elements(doc->'commands') x(e);

  insert into sheets
    select e->>0, e->>1, e->>2,
           case when c is not null then coalesce((c->>'unearned_fen')::bigint, 0) end,
           case when c is not null then coalesce((c->>'earned_fen')::bigint, 0) end,
           case when c is not null then coalesce((c->>'refund_payable_fen')::bigint, 0) end,
           case when c is not null then coalesce((c->>'institution_receivable_fen')::bigint, 0) end,
           case when c is not null then coalesce((c->>'consumed_centihours')::bigint, 0)
                                + coalesce((c->>'claimed_centihours')::bigint, 0) end,
           case when c is not null then (c->>'paid_centihours')::bigint + (c->>'gift_centihours')::bigint end
      from (select e, case when starts_with(e->>1, 'contract:') then (e->>2)::jsonb end c
              from jsonb_array_elements(doc->'sheets') x(e) offset 0) x
    on conflict (institution_id, sheet_key) do update set
      state = excluded.state, unearned_fen = excluded.unearned_fen, earned_fen = excluded.earned_fen,
      refund_payable_fen = excluded.refund_payable_fen,
      institution_receivable_fen = excluded.institution_receivable_fen,
      spent_centihours = excluded.spent_centihours, units_centihours = excluded.units_centihours;

  for i in 0 .. jsonb_array_length(doc->'lanes') - 1 loop
    update lanes set head = head + (doc->'lanes'->i->>1)::bigint * stride where lane = (doc->'lanes'->i->>0)::int
      returning head - (doc->'lanes'->i->>1)::bigint * stride, stride into before, step;
    starts[(doc->'lanes'->i->>0)::int] := before;
    befores := befores || before;
  end loop;

  insert into events
    select starts[(e->>0)::int] + (e->>1)::int * step, (e->>0)::int, e->>2, (e->>3)::bigint, e->>4, e->>5, e->>6,
           f->>'contract_id', f->>'to_contract_id',
           (f->>'amount_fen')::bigint, (f->>'unapplied_fen')::bigint, (f->>'unearned_fen')::bigint,
           (f->>'earned_fen')::bigint, (f->>'payable_fen')::bigint, (f->>'receivable_fen')::bigint,
           (f->>'effective_at')::bigint, (s->'envelope'->>'recorded_at')::bigint
      from (select e, s, s->'event' f
              from (select e, (e->>5)::jsonb s from jsonb_array_elements(doc->'events') x(e) offset 0) x offset 0) x;
  return step || befores;
end $$;
