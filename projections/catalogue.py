"""What a database says of itself: tables with their columns, checks, indexes and triggers, and functions."""

from sqlalchemy import Connection, text

Parts = dict[tuple[str, str], str]
"""Kind and name of a part → its definition, with the state it is in."""

Catalogue = dict[str, Parts]
"""Table → its parts; under the empty name functions."""

_SQLITE = "select tbl_name, type, name, sql from sqlite_master where name not like 'sqlite_%'"
_OF_TABLE = "from pg_class c where c.relnamespace = :schema and c.relkind in ('r', 'p')"
_POSTGRESQL = (
    f"select c.relname, 'table', c.relname, concat_ws(' ', c.relkind, c.relpersistence, c.relrowsecurity) {_OF_TABLE}",
    """
    select c.relname, 'column', a.attname, concat_ws(' ', format_type(a.atttypid, a.atttypmod), a.attnotnull,
      a.attidentity, a.attgenerated, l.collname, pg_get_expr(d.adbin, d.adrelid))
    from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
    left join pg_collation l on l.oid = a.attcollation
    where c.relnamespace = :schema and c.relkind in ('r', 'p')
    """,
    """
    select c.relname, 'constraint', o.conname, concat_ws(' ', pg_get_constraintdef(o.oid), o.convalidated)
    from pg_class c join pg_constraint o on o.conrelid = c.oid where c.relnamespace = :schema
    """,
    """
    select c.relname, 'index', x.relname, concat_ws(' ', pg_get_indexdef(i.indexrelid), i.indisvalid, i.indisready)
    from pg_class c join pg_index i on i.indrelid = c.oid join pg_class x on x.oid = i.indexrelid
    where c.relnamespace = :schema
    """,
    """
    select c.relname, 'trigger', t.tgname, concat_ws(' ', pg_get_triggerdef(t.oid), t.tgenabled)
    from pg_class c join pg_trigger t on t.tgrelid = c.oid and not t.tgisinternal where c.relnamespace = :schema
    """,
    """
    select c.relname, 'rule', r.rulename, concat_ws(' ', pg_get_ruledef(r.oid), r.ev_enabled)
    from pg_class c join pg_rewrite r on r.ev_class = c.oid where c.relnamespace = :schema and c.relkind in ('r', 'p')
    """,
    """
    select '', 'function', p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')',
      concat_ws(' ', pg_get_functiondef(p.oid), p.prosecdef)
    from pg_proc p where p.pronamespace = :schema and p.prokind in ('f', 'p')
    """,
)


def read_catalogue(connection: Connection) -> Catalogue:
    """What stands in the schema that this connection works in. Raises what the database raises."""
    found: Catalogue = {}
    if connection.dialect.name == "sqlite":
        for table, kind, name, sql in connection.execute(text(_SQLITE)):
            if sql is not None:
                found.setdefault(table, {})[kind, name] = sql
        return found
    oid, schema = connection.execute(
        text("select oid, quote_ident(nspname) from pg_namespace where nspname = current_schema()")
    ).one()
    for query in _POSTGRESQL:
        for table, kind, name, definition in connection.execute(text(query), {"schema": oid}):
            found.setdefault(table, {})[kind, name] = definition.replace(f"{schema}.", "")
    return found
