"""The HTTP status of every problem, by its code; one table for the rules of the ledger and for the edge."""

_UNKNOWN = (
    "escrow_unknown contract_unknown deposit_unknown lesson_unknown release_line_unknown refund_unknown "
    "instruction_unknown case_unknown award_unknown attachment_unknown distribution_unknown statement_unknown "
    "break_unknown payment_file_unknown not_found not_yet_signed not_sealed"
)
"""What is asked about does not exist, or not for this reader."""

_CONFLICT = (
    "escrow_not_open escrow_already_open escrow_is_frozen escrow_not_frozen escrow_is_closing escrow_not_closing "
    "escrow_not_empty closing_balance_differs payments_in_transit already_recorded day_is_sealed "
    "contract_already_registered contract_has_ended contract_not_finished amendment_below_consumed not_enough_hours "
    "contract_not_paid duplicate_bank_serial deposit_exceeded price_exceeded deposit_already_reversed "
    "repayment_exceeds_receivable lesson_already_claimed lesson_not_open lesson_not_covered guardian_not_notified "
    "window_still_open release_exceeds_earned order_not_completed custody_short refund_already_open "
    "refund_not_in_state refund_below_entitlement refund_above_paid nothing_due reply_window_still_open "
    "reply_window_over "
    "instruction_exceeds_refund payee_unknown deduction_without_refund deduction_exceeds_held "
    "acknowledgement_exceeds_due case_already_open case_not_in_state mediation_time_running mediation_time_over "
    "settlement_not_overdue confirmation_too_late risk_deposit_exceeded risk_deposit_still_needed "
    "distribution_required distribution_still_open pot_exceeds_custody share_exceeds_due shares_exceed_pot "
    "distribution_differs_from_list distribution_list_changed command_in_flight reference_already_matched "
    "seal_outdated statement_incomplete subject_held_elsewhere subject_is_forgotten subject_still_needed "
    "forgetting_outdated approval_decided approval_expired proposer_not_in_office "
    "statement_line_out_of_turn repeated_line_differs statement_not_continuous epoch_changed"
)
"""What is recorded does not allow it now."""

_CONTENT = (
    "contracts_differ purpose_missing act_differs approval_differs second_person_required business_time_in_future "
    "business_time_before_opening date_in_future day_not_over dates_out_of_order "
    "date_beyond_calendar date_outside_calendar command_key_reused line_repeated unknown_social_credit_code "
    "rule_unknown wrong_account span_above_cap beyond_lease across_semesters hours_above_cap amount_above_cap "
    "collected_too_early "
    "training_loan_prohibited same_contract lesson_outside_contract default_confirmation_unknown reply_window_unknown "
    "window_provisional "
    "settlement_incomplete instalments_differ unknown_rule_set no_rule_set_in_force unknown_rule_set_id "
    "used_exceeds_bought disputed_exceeds_used performance_not_stated measures_contradict list_price_missing "
    "market_price_missing contract_price_below_paid price_without_units tier_without_hours tiers_contradict "
    "tier_exceeds_paid dates_contradict used_before_start rescission_date_missing unused_but_used "
    "settlement_exceeds_paid award_stated_twice category_missing supervised_part_incomplete batch_refused "
    "balances_missing court_rule_unknown duplicate_reference empty_statement matched_amount_differs other_currency "
    "overlap_ambiguous contract_listed_twice paid_above_due negative_amount reference_unknown running_balance_broken "
    "statement_lines_differ statement_totals_differ malformed_identifier unstorable_text invalid_body "
    "invalid_parameters malformed_cursor position_unknown too_many_rows"
)
"""What was sent contradicts itself or a rule, whatever is recorded."""

_FILE = (
    "amount_missing amount_on_both_sides atomic_too_long column_missing column_twice column_unknown empty_file "
    "external_entity extra_missing file_refused "
    "file_too_large foreign_line formula_cell lines_after_footer malformed_file nul_byte number_loses_digits "
    "password_protected row_too_long row_too_short several_sheets too_deep too_many_columns too_many_lines "
    "unclosed_quote unexpected_cell unknown_layout unreadable_amount unreadable_date unreadable_text unreadable_value "
    "unsupported_version"
)
"""A bank file or an import that cannot be read without losing or inventing something."""

_NOT_LET_IN = (
    "client_assertion_invalid credentials_wrong key_not_in_force key_revoked key_unknown signature_expired "
    "signature_incomplete signature_invalid signature_replayed signature_required token_revoked token_unknown_subject"
)
"""Who asks is not known, or did not sign what must be signed."""

STATUS: dict[str, int] = {
    **dict.fromkeys(_UNKNOWN.split(), 404),
    **dict.fromkeys(_CONFLICT.split(), 409),
    **dict.fromkeys(_CONTENT.split(), 422),
    **dict.fromkeys(_FILE.split(), 422),
    "bad_request": 400,
    "body_not_json": 400,
    "key_taken": 409,
    "key_weak": 422,
    "no_such_key": 404,
    "subject_ended": 409,
    "subject_taken": 409,
    "subject_unknown": 404,
    "body_not_utf8": 400,
    "body_too_deep": 400,
    "idempotency_key_malformed": 400,
    "idempotency_key_missing": 400,
    "if_match_malformed": 400,
    "digest_mismatch": 400,
    "grant_unsupported": 400,
    "token_request_malformed": 400,
    **dict.fromkeys(_NOT_LET_IN.split(), 401),
    "key_of_another_client": 403,
    "token_expired": 401,
    "token_invalid": 401,
    "unauthenticated": 401,
    "not_permitted": 403,
    "other_person_named": 403,
    "place_not_covered": 403,
    "role_not_allowed": 403,
    "method_not_allowed": 405,
    "not_acceptable": 406,
    "version_conflict": 412,
    "body_too_large": 413,
    "content_type_unsupported": 415,
    "if_match_required": 428,
    "rate_limited": 429,
    "internal_error": 500,
    "vault_damaged": 500,
    "not_configured": 503,
    "outcome_unknown": 503,
    "position_not_reached": 503,
    "store_unavailable": 503,
    "vault_locked": 503,
}
