"""Each alert of tools/deploy/alerts.yml fires when it must and not otherwise, by promtool's clock."""

import json
import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
ALERTS = ROOT / "tools/deploy/alerts.yml"

JOB = '{job="tidegate", instance="a"}'
OF_OTHERS = '{job="node", instance="a"}'  # of what else runs on the machine
WORKERS = {f"tidegate_workers{JOB}": "2x60"}
READY = {f"tidegate_ready{JOB}": "1x60"}


def ends(reason, values):
    return {f'tidegate_ends_total{{job="tidegate", instance="a", reason="{reason}"}}': values}


def at(instance, **series):
    return {f'{name}{{job="tidegate", instance="{instance}"}}': values for name, values in series.items()}


def lost(**reasons):
    return {f'tidegate_cluster_lost_total{{job="tidegate", instance="a", reason="{reason}"}}': values
            for reason, values in reasons.items()}


def tokens(**verdicts):
    return {f'tidegate_login_tokens_total{{job="tidegate", instance="a", verdict="{verdict}"}}': values
            for verdict, values in verdicts.items()}


def handshakes(**results):
    return {f'tidegate_tls_handshakes_total{{job="tidegate", instance="a", result="{result}"}}': values
            for result, values in results.items()}


def certificate(values):
    return {'tidegate_tls_certificate_expiry_seconds{job="tidegate", instance="a", name="chat.example.org"}': values}


def turns(fast, slow):
    """So many a minute under a millisecond, and under 131."""
    label = 'tidegate_turn_seconds_bucket{{job="tidegate", instance="a", le="{}"}}'.format
    every = f"0+{fast + slow}x60"
    return {label("0.001024"): f"0+{fast}x60", label("0.131072"): every, label("+Inf"): every}


# name, severity, {a series that fires: a value a minute, as promtool notes them}, what it says 20 minutes on,
# {series that do not}: by their instances several in one.
ALERT_CASES = [
    ("TidegateDown", "critical",
     at("a", up="1x15 0x60"), "a does not answer",
     at("a", up="1x18 0 1x60")),  # one scrape was missed
    ("TidegateRestarts", "critical",
     WORKERS | at("a", process_start_time_seconds="100x8 200x3 300x3 400x60"), "a has started 3 times in 15 minutes",
     WORKERS | at("a", process_start_time_seconds="100x12 200x60")
     | {f"process_start_time_seconds{OF_OTHERS}": "0+100x60"}
     # Three processes, each of which took over from the one before.
     | at("b", tidegate_workers="2x60", process_start_time_seconds="100x8 200x3 300x3 400x60")
     | {'tidegate_handovers_total{job="tidegate", instance="b", result="done"}': "0x8 1x3 2x3 3x60"}),
    ("TidegateHandoverLost", "warning",
     at("a", tidegate_handover_lost_total="0x10 12x60"), "a has lost 12 lines in a hand-over",
     at("a", tidegate_handover_lost_total="12x60")),
    ("TidegateDrainStuck", "warning",
     at("a", tidegate_ready="1x3 0x60"), "a has been draining for 15 minutes",
     at("a", tidegate_ready="1x15 0x5 1x60")),
    ("TidegateRefusing", "critical",
     READY | at("a", tidegate_accept_refused_total="0+120x60"), "a refuses 2 newcomers a second",
     at("a", tidegate_ready="0x60", tidegate_accept_refused_total="0+120x60")),
    ("TidegateNearlyFull", "warning",
     at("a", tidegate_connections="95x60", tidegate_connections_max="100x60"), "a has 95% of its connections",
     at("a", tidegate_connections="90x60", tidegate_connections_max="100x60")),
    ("TidegateDescriptorsNearlyGone", "warning",
     WORKERS | at("a", process_open_fds="960x60", process_max_fds="1000x60"), "a has 96% of its descriptors open",
     WORKERS | at("a", process_open_fds="900x60", process_max_fds="1000x60")
     | {f"process_open_fds{OF_OTHERS}": "1000x60", f"process_max_fds{OF_OTHERS}": "1000x60"}),
    ("TidegateAcceptErrors", "warning",
     at("a", tidegate_accept_errors_total="0+1x60"), "a lost 5 newcomers to errors",
     at("a", tidegate_accept_errors_total="5x60")),
    ("TidegateMemoryNearLimit", "warning",
     at("a", tidegate_queue_bytes="90x60", tidegate_memory_limit_bytes="100x60"), "a holds 90% of its memory limit",
     at("a", tidegate_queue_bytes="10x18 90 10x60", tidegate_memory_limit_bytes="100x60")),
    ("TidegateMemoryCut", "critical",
     ends("overloaded", "0+3x60"), "a closed 15 clients for want of memory",
     ends("overloaded", "7x60") | ends("peer_close", "0+30x60")),
    ("TidegateSlowReadersCut", "warning",
     at("a", tidegate_slow_readers_cut_total="0+20x60", tidegate_connections="1000x60"),
     "a cut off 100 slow readers in 5 minutes",
     at("a", tidegate_slow_readers_cut_total="0+1x60", tidegate_connections="10x60")
     | at("b", tidegate_slow_readers_cut_total="0+20x60", tidegate_connections="100000x60")),
    ("TidegateDeadLines", "warning",
     at("a", tidegate_read_deadline_timeouts_total="0+20x60", tidegate_connections="1000x60"),
     "a closed 100 silent clients in 5 minutes",
     at("a", tidegate_read_deadline_timeouts_total="0+1x60", tidegate_connections="10x60")
     | at("b", tidegate_read_deadline_timeouts_total="0+20x60", tidegate_connections="10000x60")),
    ("TidegateUsersLost", "critical",
     READY | at("a", tidegate_users="1000x15 400x60"),
     "a has lost more than half of its users in 10 minutes: 400 are left",
     READY | at("a", tidegate_users="1000x15 600x60")
     | at("b", tidegate_users="90x15 0x60", tidegate_ready="1x60")
     | at("c", tidegate_users="1000x15 0x60", tidegate_ready="1x15 0x60")),
    ("TidegateTurnsSlow", "warning",
     turns(950, 50), "a turn of a takes 105.1ms (p99)",
     turns(999, 1)),
    ("TidegateBusy", "warning",
     WORKERS | at("a", process_cpu_seconds_total="0+114x60"), "the workers of a use 95% of their CPUs",
     WORKERS | at("a", process_cpu_seconds_total="0+90x60") | {f"process_cpu_seconds_total{OF_OTHERS}": "0+600x60"}),
    ("TidegateKickDuels", "warning",
     ends("kick_duel", "0+1x60"), "sessions of one user keep replacing each other at a",
     ends("kick_duel", "0x10 1 2 2x60")),
    ("TidegateKeysStale", "warning",
     at("a", tidegate_auth_keys_stale="0x5 1x60"), "a cannot take the file of its keys",
     at("a", tidegate_auth_keys_stale="1x3 0 1x4 0x60")),  # it was being written
    ("TidegateCertificateEnds", "warning",
     certificate("1100000-60x60"),
     "the certificate of chat.example.org at a ends in 12d 17h 13m 20s",
     certificate("1300000x60")),
    ("TidegateCertificatesStale", "warning",
     at("a", tidegate_tls_certificates_stale="0x5 1x60"), "a cannot take the files of its certificates",
     at("a", tidegate_tls_certificates_stale="1x3 0 1x4 0x60")),  # they were being written
    ("TidegateHandshakesFail", "warning",
     handshakes(done="0+60x60", failed="0+60x60", dropped="0+120x60"),
     "a ends 3 TLS handshakes a second unfinished",
     handshakes(done="0+600x60", failed="0+60x60", dropped="0+120x60")),
    ("TidegateTokensRefused", "warning",
     tokens(good="0+60x60", bad="0+60x60", expired="0+120x60"), "a refuses 3 tokens a second",
     tokens(good="0+600x60", bad="0+60x60", expired="0+120x60")),
    ("TidegateClusterCut", "critical",
     at("a", tidegate_cluster_up="1x15 0x60"), "a is cut off from the other nodes",
     at("a", tidegate_cluster_up="1x18 0 1x60")),
    ("TidegateClusterSplit", "critical",
     at("a", tidegate_cluster_up="1x60", tidegate_cluster_nodes="1x60")
     | at("b", tidegate_cluster_up="1x60", tidegate_cluster_nodes="2x60")
     | at("c", tidegate_cluster_up="1x60", tidegate_cluster_nodes="2x60"), "a sees 2 nodes, fewer than there are",
     at("a", tidegate_cluster_up="1x60", tidegate_cluster_nodes="1x60")
     | at("b", tidegate_cluster_up="1x60", tidegate_cluster_nodes="1x60")
     | at("c", tidegate_cluster_up="0x60", tidegate_cluster_nodes="0x60")),
    ("TidegateClusterLost", "warning",
     READY | lost(gap="0+2x60", egress="0+1x60"), "a has lost 15 messages between nodes in 5 minutes",
     lost(gap="0x20 7x60", egress="0x60")),  # NATS was restarted
    ("TidegateInternalErrors", "critical",
     ends("internal_error", "0+1x60"), "a failed 5 clients by a fault of its own",
     ends("internal_error", "7x60") | ends("protocol_error", "0+30x60")),
]


def promtool(*words):
    done = subprocess.run(["promtool", *map(str, words)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def rules():
    """Their text without the descriptions, which are the same for every value: what is said is in the summary."""
    text = ALERTS.read_text(encoding="utf-8")
    descriptions = re.compile(r"^ {10}description: (?:>-\n(?: {12}\S.*\n)+|'.*'\n)", re.MULTILINE)
    assert len(descriptions.findall(text)) == text.count("- alert: ")
    assert not any("{{" in words for words in descriptions.findall(text))
    return descriptions.sub("", text)


def test_every_alert_has_its_cases():
    assert re.findall(r"- alert: (\w+)", ALERTS.read_text(encoding="utf-8")) == [name for name, *_ in ALERT_CASES]


def test_promtool_takes_the_samples():
    promtool("check", "config", ROOT / "tools/deploy/prometheus.yml")
    promtool("check", "rules", ALERTS)


def test_promtool_takes_what_is_in_comments(tmp_path):
    """A token, and TLS at the admin port."""
    text = (ROOT / "tools/deploy/prometheus.yml").read_text(encoding="utf-8")
    whole, count = re.subn(r"(?m)^    #((?:  )?\w+:)", r"    \1", text)
    assert count == 6
    (tmp_path / "prometheus.yml").write_text(whole.replace("/etc/prometheus", str(tmp_path)), encoding="utf-8")
    (tmp_path / "alerts.yml").write_text(ALERTS.read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "tidegate.token").write_text("a-token-of-24-characters", encoding="ascii")
    openssl = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=test -keyout key -out tidegate.pem"
    subprocess.run(openssl.split(), cwd=tmp_path, check=True, capture_output=True)
    promtool("check", "config", tmp_path / "prometheus.yml")


@pytest.mark.parametrize("firing", [True, False], ids=["fires", "stays quiet"])
def test_alerts(firing, tmp_path):
    (tmp_path / "rules.yml").write_text(rules(), encoding="utf-8")
    tests = []
    for name, severity, fires, summary, quiet in ALERT_CASES:
        labels = {"severity": severity, "job": "tidegate", "instance": "a"}
        labels |= dict(re.findall(r'\b(reason|name)="([\w.]+)"', next(iter(fires))))
        alerts = [{"exp_labels": labels, "exp_annotations": {"summary": summary}}]
        series = fires if firing else quiet
        # A quiet series is quiet all the time, not only at its end.
        times = [20] if firing else range(0, 60)
        tests.append({
            "name": name,
            "interval": "1m",
            "input_series": [{"series": key, "values": values} for key, values in series.items()],
            "alert_rule_test": [{"eval_time": f"{minute}m", "alertname": name, "exp_alerts": alerts if firing else []}
                                for minute in times],
        })
    cases = {"rule_files": ["rules.yml"], "evaluation_interval": "1m", "tests": tests}
    (tmp_path / "cases.yml").write_text(json.dumps(cases), encoding="utf-8")
    promtool("test", "rules", tmp_path / "cases.yml")
