//! How records are told: what each did, and what it names.

use consent::{ConsentRecord, Extent};

use crate::{paint, times};

/// Says that a record was made, in words or as it is stored.
pub(super) fn tell(
    done: &str,
    record: &ConsentRecord,
    json: bool,
) -> Result<(), serde_json::Error> {
    if json {
        anstream::println!("{}", serde_json::to_string(record)?);
        return Ok(());
    }
    let good = paint::GOOD;
    let (id, what) = (record.record_id(), extent(record.extent()));
    let until = record.expires_at().map(times::shown);
    let until = until.map(|until| format!("  until {until}"));
    anstream::println!(
        "{good}{done}{good:#}  {id}  {what}{}",
        until.unwrap_or_default()
    );
    Ok(())
}

/// `bot: user.contact for support of ada`
pub(super) fn extent(extent: &Extent) -> String {
    let Extent {
        agent,
        data_type,
        purpose,
        subject,
        operation,
        ..
    } = extent;
    let agent = agent.as_ref().map_or("every agent", |agent| agent.as_str());
    let data = data_type.as_ref().map_or("all data", |data| data.as_str());
    let mut text = format!("{agent}: {data}");
    let more = [
        (" for ", purpose.as_ref().map(consent::Purpose::as_str)),
        (" of ", subject.as_ref().map(consent::SubjectId::as_str)),
        (" to ", operation.as_ref().map(consent::Operation::as_str)),
    ];
    for (word, name) in more {
        if let Some(name) = name {
            text.push_str(word);
            text.push_str(name);
        }
    }
    if purpose.is_none() {
        text.push_str(" for every purpose");
    }
    paint::plain(&text)
}
