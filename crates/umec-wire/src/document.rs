//! `docs/wire.md`, printed from the tables and the codecs that the code itself uses.

mod examples;

use std::fmt::{self, Write};

use crate::command::{Outcome, POLL_INTERVAL, POLL_INTERVALS};
use crate::event;
use crate::header;
use crate::kafka::{self, KafkaTopic};
use crate::problem::{self, ProblemKind};
use crate::senml::{self, Format};
use crate::subject::{Direction, PREFIX, Target};
use crate::unit::Unit;

/// The whole document.
pub fn document() -> String {
    let mut page = String::new();
    write_page(&mut page).expect("a String takes all text");
    page
}

fn write_page(page: &mut String) -> fmt::Result {
    page.push_str(
        "<!-- Printed by umec-wire: UMEC_BLESS=1 cargo test -p umec-wire --test document -->\n\
         # What crosses a wire\n\n\
         What programs say to each other on a node's bus, at the HTTP API and in the cloud's Kafka. \
         How to write one in any language: [write-a-plugin.md](write-a-plugin.md).\n\n\
         ## Names\n\n\
         Nodes, devices, metrics, plugins and commands have names of 1 to 63 of `a-z 0-9 -`, first and last \
         a letter or a digit. Such a name is valid everywhere (NATS, DNS, Kubernetes, SenML), so nothing is \
         ever escaped.\n",
    );
    for section in [
        subjects, headers, signatures, packs, status, commands, events, problems, topics, units,
    ] {
        page.push('\n');
        section(page)?;
    }
    Ok(())
}

fn subjects(page: &mut String) -> fmt::Result {
    page.push_str(
        "## Subjects\n\n\
         | subject | who sends | payload | in the stream `UMEC` |\n\
         |---|---|---|---|\n",
    );
    for target in Target::PUBLISHED {
        subject(page, &target, "")?;
    }
    let name = crate::CommandName::new("name").expect("a label");
    subject(page, &Target::Command(name), ".<name>")?;
    page.push_str(
        "\nOne message carries all metrics of one device that were read together. What the stream keeps is \
         published with an acknowledgement: a NATS *request* on the subject, answered by JetStream with \
         `{\"stream\":\"UMEC\",\"seq\":…}`, and with `\"duplicate\":true` where the message id was there \
         already. Without an answer, send it again with the same id.\n",
    );
    Ok(())
}

fn subject(page: &mut String, target: &Target, rest: &str) -> fmt::Result {
    let sender = match target.direction() {
        Direction::FromPlugin => "plugin",
        Direction::FromEdgeApi => "edge API",
        Direction::ToPlugin => "edge API, uplink; the plugin answers",
    };
    let kept = if target.is_kept() { "yes" } else { "no" };
    let (token, payload) = (target.token(), payload(target));
    writeln!(
        page,
        "| `{PREFIX}.<node>.<device>.{token}{rest}` | {sender} | {payload} | {kept} |"
    )
}

/// What is sent on a subject.
fn payload(target: &Target) -> String {
    match target {
        Target::Readings | Target::Aggregates => {
            let formats = Format::ALL.map(|format| format!("`{}`", format.content_type()));
            format!("[SenML pack](#readings), {}", formats.join(" or "))
        }
        Target::Frames => "image, its metadata in headers".to_owned(),
        Target::Events => "[CloudEvent](#events) in binary mode".to_owned(),
        Target::Status => "[status](#status), `application/json`".to_owned(),
        Target::Command(_) => {
            "[request, and result as the reply](#commands), `application/json`".to_owned()
        }
    }
}

fn headers(page: &mut String) -> fmt::Result {
    page.push_str("## Headers\n\n| header | | value |\n|---|---|---|\n");
    for (name, presence, meaning) in header::TABLE {
        writeln!(page, "| `{name}` | {} | {meaning} |", presence.as_str())?;
    }
    write!(
        page,
        "\nThe message id is `<device>:<boot>:<sequence>`, such as `{}`. *Boot* is one run of the publisher: \
         16 hexadecimal digits, the first 12 its start in milliseconds since 1970, the last 4 random. \
         *Sequence* counts from 1, for each device, over all that this run publishes about it, whatever the \
         subject.\n",
        examples::message_id()
    )
}

fn signatures(page: &mut String) -> fmt::Result {
    let example = examples::signature();
    write!(
        page,
        "## Signatures\n\n\
         `{header}: <public key> <signature>`. The key is the publisher's NATS user key (NKey, `U…`), whose seed \
         (`SU…`) stands in its credentials file. The signature is Ed25519 (RFC 8032), in base64url without \
         padding, over three parts, each after its length in bytes as 64 bits, big-endian:\n\n\
         ```\n\
         length(subject) subject  length(message id) message id  length(payload) payload\n\
         ```\n\n\
         Which key may speak for which device is configuration of whoever reads. To check your own code:\n\n\
         ```\n\
         seed        {seed}\n\
         subject     {subject}\n\
         message id  {id}\n\
         payload     {payload}\n\
         header      {signature}\n\
         ```\n",
        header = crate::signature::HEADER,
        seed = example.seed,
        subject = example.subject,
        id = example.message_id,
        payload = example.payload,
        signature = example.header,
    )
}

fn packs(page: &mut String) -> fmt::Result {
    page.push_str(
        "## Readings\n\n\
         A SenML pack (RFC 8428): records, each with a name, a time and a value. The resolved name is \
         `<node>/<device>/<metric>`, and for aggregates `<node>/<device>/<metric>/<window>/<statistic>`, with \
         the time at which the window began. Times are seconds since 1970, exact to the microsecond.\n\n\
         | field | CBOR | |\n|---|---|---|\n",
    );
    for (name, label, meaning) in senml::fields() {
        writeln!(page, "| `{name}` | {label} | {meaning} |")?;
    }
    page.push_str(
        "\nBase fields hold from their record on. Refused, with record, field and reason: no value or more than \
         one, a field twice, a wrong type, a number that is not finite, an unknown unit, a name of another \
         device, a `bver` other than 10 and 26, fields that end in `_` and are not known, and times below 2^28 \
         or from 2^33 on. Other fields are ignored.\n",
    );
    for (title, pack) in examples::packs() {
        let json = senml::encode(Format::Json, &pack);
        let cbor = senml::encode(Format::Cbor, &pack);
        let cbor = data_encoding::HEXLOWER.encode(&cbor);
        let json = String::from_utf8_lossy(&json).replace("},{", "},\n {");
        write!(
            page,
            "\n{title}\n\n```json\n{json}\n```\n\nThe same in CBOR:\n\n```\n"
        )?;
        let mut digits = cbor.as_str();
        while let Some((line, rest)) = digits
            .split_at_checked(96)
            .filter(|(_, rest)| !rest.is_empty())
        {
            writeln!(page, "{line}")?;
            digits = rest;
        }
        writeln!(page, "{digits}\n```")?;
    }
    Ok(())
}

fn status(page: &mut String) -> fmt::Result {
    page.push_str(
        "## Status\n\n\
         Published when the plugin takes the device up (*birth*), whenever the state or a problem changes, and \
         when the plugin stops (*death*). `metrics` lists what the device measures, `write` what may be written \
         to it; `problems` names the metrics that give no good value. A reason has a `code` for programs and a \
         `text` for people.\n",
    );
    for (title, status) in examples::statuses() {
        write!(page, "\n{title}\n\n```json\n{}\n```\n", pretty(&status))?;
    }
    Ok(())
}

fn commands(page: &mut String) -> fmt::Result {
    let (request, results) = examples::command();
    page.push_str(
        "## Commands\n\n\
         A NATS request, signed like every message, with the command's `id` as message id. Its name is the \
         metric to write, or whatever else the device can be told. `value` is a number, a boolean or a text, \
         or absent. It must not begin after `expires`. The same `id` again is answered with the same result \
         and does nothing, also after a restart of the plugin.\n\n",
    );
    write!(page, "```json\n{}\n```\n\n", pretty(&request))?;
    write!(
        page,
        "`{POLL_INTERVAL}` is taken by every device of a plugin on the SDK: `value` is a number of seconds, \
         {POLL_INTERVALS}, at which all its metrics are sampled from then on, also after a restart; without \
         `value` they are sampled as configured. The status tells it as `every` of each metric.\n\n"
    )?;
    page.push_str(
        "The reply is its one result. A device that is asked and does not answer has `failed`: it may have \
         done it all the same. So it is with the reason `interrupted` where the plugin was killed meanwhile.\n\n| outcome | |\n|---|---|\n",
    );
    for outcome in Outcome::ALL {
        writeln!(page, "| `{}` | {} |", outcome.as_str(), outcome.meaning())?;
    }
    for result in results {
        write!(page, "\n```json\n{}\n```\n", pretty(&result))?;
    }
    Ok(())
}

fn events(page: &mut String) -> fmt::Result {
    page.push_str(
        "## Events\n\n\
         CloudEvents 1.0 in binary mode: the attributes are headers, the data is the payload, and its media \
         type the header `Content-Type`.\n\n\
         | on the bus | in Kafka | |\n|---|---|---|\n",
    );
    for (bus, kafka, meaning) in event::ATTRIBUTES {
        writeln!(page, "| `{bus}` | `{kafka}` | {meaning} |")?;
    }
    Ok(())
}

fn problems(page: &mut String) -> fmt::Result {
    write!(
        page,
        "## Problems\n\n\
         Every error of the HTTP API is `{}` (RFC 9457) with `type`, `title`, `status`, `detail` and \
         `instance`.\n\n\
         | type | status | title | |\n|---|---|---|---|\n",
        problem::CONTENT_TYPE
    )?;
    for kind in ProblemKind::all() {
        writeln!(
            page,
            "| `{}` | {} | {} | {} |",
            kind.type_path(),
            kind.status(),
            kind.title(),
            kind.meaning()
        )?;
    }
    write!(page, "\n```json\n{}\n```\n", pretty(&examples::problem()))
}

fn topics(page: &mut String) -> fmt::Result {
    page.push_str(
        "## Kafka\n\n\
         | topic | key | value | clean-up |\n|---|---|---|---|\n",
    );
    for topic in KafkaTopic::ALL {
        writeln!(
            page,
            "| `{}` | {} | {} | {} |",
            topic.name(),
            topic.key(),
            topic.value(),
            topic.cleanup().as_str()
        )?;
    }
    page.push_str(
        "\nWhere the gateway takes original modems there are the topics of the original system too: \
         [uplink-protocol-v1.md](uplink-protocol-v1.md).\n",
    );
    page.push_str(
        "\nA record's time is the sample's time. A record that came from a node's bus has the headers, for \
         example:\n\n```\n",
    );
    for (name, value) in examples::record_headers() {
        writeln!(page, "{name}: {value}")?;
    }
    write!(
        page,
        "```\n\nA message is in Kafka once: `{}` and `{}` together are unique.\n",
        kafka::MODEM,
        kafka::MESSAGE_ID
    )
}

fn units(page: &mut String) -> fmt::Result {
    page.push_str(
        "## Units\n\n\
         The SenML registry (RFC 8428, RFC 8798), case-sensitive: `Cel` is degrees Celsius, `C` coulomb. A pack \
         with a secondary unit has `\"bver\":26`. Units with an asterisk are read, and better not sent.\n\n\
         | unit | |\n|---|---|\n",
    );
    for unit in Unit::all().filter(|unit| !unit.is_secondary()) {
        let mark = if unit.is_discouraged() { " *" } else { "" };
        writeln!(page, "| `{unit}` | {}{mark} |", unit.name())?;
    }
    page.push_str("\n| secondary unit | | in primary units |\n|---|---|---|\n");
    for unit in Unit::all() {
        let Some(conversion) = unit.conversion() else {
            continue;
        };
        let offset = match conversion.offset {
            0.0 => String::new(),
            offset => format!(" {offset:+}"),
        };
        writeln!(
            page,
            "| `{unit}` | {} | × {}{offset} `{}` |",
            unit.name(),
            conversion.scale,
            conversion.primary
        )?;
    }
    Ok(())
}

/// JSON as people read it.
fn pretty(value: &impl serde::Serialize) -> String {
    serde_json::to_string_pretty(value).expect("an example is JSON")
}
