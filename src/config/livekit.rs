//! LiveKit's settings that have no counterpart here, so that a `livekit.yaml` is read as it is: each is a warning
//! that says why, while a key that LiveKit does not know either is an error.
//!
//! Keys as of LiveKit 1.13.5: `pkg/config/config.go` and the structures it embeds.

/// A key of LiveKit's that we lack.
pub(super) struct Lacking {
    /// The key, dotted from the root.
    key: &'static str,
    /// What is done instead, or why nothing is.
    pub(super) why: &'static str,
    /// The keys that LiveKit has below it, at whatever depth; `*` for names of the operator's choosing.
    pub(super) words: &'static str,
}

impl Lacking {
    /// Whether LiveKit has this word below the key. Numbers name layers.
    pub(super) fn knows(&self, word: &str) -> bool {
        self.words == "*"
            || word.bytes().all(|b| b.is_ascii_digit())
            || self.words.split_whitespace().any(|w| w == word)
    }
}

/// The entry for a dotted key, if LiveKit has it and we do not.
pub(super) fn lacking(key: &str) -> Option<&'static Lacking> {
    LACKING.iter().find(|lacking| lacking.key == key)
}

const fn lack(key: &'static str, why: &'static str, words: &'static str) -> Lacking {
    Lacking { key, why, words }
}

const ONE_PROCESS: &str = "one process holds everything";
const LATER: &str = "not supported yet";
const LATENCY: &str = "the media thread has its own rules for it";
const DEPRECATED: &str = "deprecated in LiveKit as well";

const LACKING: &[Lacking] = &[
    lack("debug_handler", LATER, "port"),
    // Not a key of LiveKit's, but its sample file has it.
    lack("debug_handler_port", LATER, "port"),
    lack(
        "redis",
        ONE_PROCESS,
        "address username password db use_tls tls enabled insecure server_name ca_cert_file client_cert_file \
         client_key_file sentinel_master_name sentinel_username sentinel_password sentinel_addresses \
         cluster_addresses dial_timeout read_timeout write_timeout max_redirects pool_timeout pool_size",
    ),
    lack(
        "video",
        LATER,
        "dynacast_pause_delay codec_regression_threshold stream_tracker_manager video screenshare \
         stream_tracker_type bitrate_report_interval packet_tracker frame_tracker samples_required \
         cycles_required cycle_duration min_fps",
    ),
    lack(
        "turn",
        "there is no TURN server inside; name one in rtc.turn_servers",
        "enabled domain cert_file key_file tls_port udp_port relay_range_start relay_range_end external_tls \
         bind_addresses ttl_seconds allow_restricted_peer_cidrs deny_peer_cidrs",
    ),
    lack("ingress", LATER, "rtmp_base_url whip_base_url"),
    lack("sip", LATER, ""),
    lack(
        "webhook",
        LATER,
        "urls api_key url_notifier num_workers queue_size resource_url_notifier max_age max_depth filter_params \
         include_events exclude_events",
    ),
    lack("node_selector", ONE_PROCESS, "kind sort_by algorithm cpu_load_limit sysload_limit regions name lat lon"),
    lack(
        "signal_relay",
        ONE_PROCESS,
        "retry_timeout min_retry_interval max_retry_interval stream_buffer_size connect_attempts",
    ),
    lack("psrpc", ONE_PROCESS, "max_attempts timeout backoff buffer_size"),
    lack("agents", LATER, "enable_user_data_recording enable_user_data_redaction target_load"),
    lack(
        "metric",
        LATER,
        "collector reporter timestamper_config batch_interval_ms sampling_interval_ms reporting_interval_ms \
         one_way_delay_estimator_max_batch one_way_delay_estimator_min_interval",
    ),
    lack("trace", "there is no tracing exporter", "jaeger_url"),
    lack(
        "node_stats",
        "statistics are counters, read from /metrics",
        "stats_update_interval stats_rate_measurement_intervals stats_max_delay",
    ),
    lack("enable_participant_data_blob", LATER, ""),
    lack(
        "api",
        ONE_PROCESS,
        "execution_timeout check_interval max_check_interval enable_psrpc_for_get_list_participants",
    ),
    lack("rtc.advertise_internal_ip", "name the addresses in rtc.node_ip", ""),
    lack("rtc.skip_external_ip_validation", "name the public address in rtc.node_ip", ""),
    lack("rtc.external_ip_only", "name the public address in rtc.node_ip", ""),
    lack("rtc.use_stun_port_as_ice", "media uses the ports of rtc.udp_port", ""),
    lack("rtc.batch_io", "packets always leave in trains, gathered for at most 1 ms", "batch_size max_flush_interval"),
    lack("rtc.sctp_min_cwnd", LATENCY, ""),
    lack("rtc.sctp_fast_rtx_wnd", LATENCY, ""),
    lack("rtc.sctp_cwnd_ca_step", LATENCY, ""),
    lack("rtc.host_acceptance_min_wait", "ICE-lite follows the client's nomination", ""),
    lack("rtc.srflx_acceptance_min_wait", "ICE-lite follows the client's nomination", ""),
    lack("rtc.prflx_acceptance_min_wait", "ICE-lite follows the client's nomination", ""),
    lack("rtc.relay_acceptance_min_wait", "ICE-lite follows the client's nomination", ""),
    lack("rtc.strict_acks", DEPRECATED, ""),
    lack("rtc.packet_buffer_size", DEPRECATED, ""),
    lack("rtc.data_channel_max_buffered_amount", DEPRECATED, ""),
    lack("rtc.datachannel_lossy_target_latency", LATENCY, ""),
    lack("rtc.datachannel_slow_threshold", "a reader that is too slow loses messages beyond a fixed bound", ""),
    lack("rtc.tcp_fallback_rtt_threshold", "clients choose among UDP and TCP themselves", ""),
    lack("rtc.allow_udp_unstable_fallback", "clients choose among UDP and TCP themselves", ""),
    lack("rtc.reconnect_on_publication_error", LATER, ""),
    lack("rtc.reconnect_on_subscription_error", LATER, ""),
    lack("rtc.reconnect_on_data_channel_error", LATER, ""),
    lack("rtc.forward_stats", LATENCY, "summary_interval report_interval report_window"),
    lack("rtc.enable_rtp_stream_restart_detection", LATENCY, ""),
    lack("rtc.enable_warp", LATER, ""),
    lack(
        "rtc.congestion_control",
        LATER,
        "enabled allow_pause stream_allocator min_channel_capacity disable_etimation_unmanaged_tracks \
         probe_mode probe_overage_pct probe_min_bps paused_min_wait remote_bwe nack_ratio_attenuator \
         expected_usage_threshold channel_observer_probe channel_observer_non_probe estimate nack \
         ratio_threshold window_min_duration window_max_duration probe_controller probe_regulator \
         settle_wait_num_rtt settle_wait_min settle_wait_max base_interval backoff_factor max_interval \
         min_duration max_duration duration_increase_factor use_send_side_bwe_interceptor use_send_side_bwe \
         send_side_bwe_pacer send_side_bwe congestion_detector packet_group packet_group_max_age \
         probe_packet_group min_packets max_window_duration jqr_min_delay dqr_max_delay weighted_loss \
         base_duration base_pps loss_penalty_factor min_duration_for_loss_validity queuing_delay_early_warning_jqr \
         queuing_delay_early_warning_dqr loss_early_warning_jqr loss_early_warning_dqr \
         queuing_delay_congested_jqr queuing_delay_congested_dqr loss_congested_jqr loss_congested_dqr \
         min_number_of_groups jqr_min_weighted_loss dqr_max_weighted_loss congested_ctr_trend \
         congested_ctr_epsilon congested_packet_group estimaton_window_duration probe_signal \
         min_bytes_ratio min_duration_ratio jqr_min_trend_coefficient required_samples required_samples_min \
         downward_trend_threshold downward_trend_max_wait collapse_threshold validity_window",
    ),
    lack("room.playout_delay", LATER, "enabled min max"),
    lack("room.create_room_timeout", ONE_PROCESS, ""),
    lack("room.create_room_attempts", ONE_PROCESS, ""),
    lack("room.update_batch_target_size", "participant updates are sent at once", ""),
    lack("room.room_configurations", LATER, "*"),
    lack("limit.bytes_per_sec", LATER, ""),
    lack("limit.max_data_blob_key_length", LATER, ""),
    lack("limit.max_data_blobs_size", LATER, ""),
    lack("audio.active_red_encoding", LATER, ""),
    lack("audio.enable_loss_proxying", LATER, ""),
    lack("logging.component_levels", "one level holds for all", "*"),
    lack("logging.pion_level", "there is no Pion", ""),
    lack("logging.sample_initial", "nothing is sampled", ""),
    lack("logging.sample_interval", "nothing is sampled", ""),
    lack("logging.item_sample_seconds", "nothing is sampled", ""),
    lack("logging.item_sample_initial", "nothing is sampled", ""),
    lack("logging.item_sample_interval", "nothing is sampled", ""),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_is_listed_twice() {
        for (i, lacking) in LACKING.iter().enumerate() {
            assert!(LACKING[..i].iter().all(|earlier| earlier.key != lacking.key), "{}", lacking.key);
        }
    }

    #[test]
    fn words_below_a_key_are_livekits_or_numbers() {
        let redis = lacking("redis").map(|redis| (redis.knows("address"), redis.knows("adress"), redis.knows("0")));
        assert_eq!(redis, Some((true, false, true)));
        assert!(lacking("rtc.udp_port").is_none());
    }
}
