//! `ClientInfo` from query parameters and headers.

use livekit_protocol::{ClientInfo, client_info};

use super::query::Query;
use super::user_agent::UserAgent;

/// Reads the v0 query parameters (LiveKit's `ParseClientInfo`).
pub(super) fn from_query(query: &Query) -> ClientInfo {
    let text = |name: &str| query.get(name).to_owned();
    ClientInfo {
        sdk: sdk(query.get("sdk")).into(),
        version: text("version"),
        protocol: query.number("protocol"),
        os: text("os"),
        os_version: text("os_version"),
        device_model: text("device_model"),
        browser: text("browser"),
        browser_version: text("browser_version"),
        network: text("network"),
        client_protocol: query.number("client_protocol"),
        capabilities: capabilities(query.get("capabilities")),
        ..ClientInfo::default()
    }
}

/// Adds the client's address and, for SDKs that run in browsers, what the
/// User-Agent tells beyond the client's own words (LiveKit's
/// `AugmentClientInfo`).
pub(super) fn augment(info: &mut ClientInfo, user_agent: Option<&str>, address: &str) {
    use client_info::Sdk;
    info.address = address.to_owned();
    if !matches!(info.sdk(), Sdk::Js | Sdk::ReactNative | Sdk::Flutter | Sdk::Unity | Sdk::Unknown) {
        return;
    }
    let agent = UserAgent::parse(user_agent.unwrap_or_default());
    if info.browser.is_empty() {
        info.browser = agent.browser;
        info.browser_version = agent.browser_version;
    }
    if info.os.is_empty() {
        info.os = agent.os;
        info.os_version = agent.os_version;
    }
}

/// The SDK by the name clients use in the query, in any letter case.
fn sdk(name: &str) -> client_info::Sdk {
    use client_info::Sdk;
    match name.to_ascii_lowercase().as_str() {
        "js" => Sdk::Js,
        "ios" | "swift" => Sdk::Swift,
        "android" => Sdk::Android,
        "flutter" => Sdk::Flutter,
        "go" => Sdk::Go,
        "unity" => Sdk::Unity,
        "reactnative" => Sdk::ReactNative,
        "rust" => Sdk::Rust,
        "python" => Sdk::Python,
        "cpp" => Sdk::Cpp,
        "unityweb" => Sdk::UnityWeb,
        "node" => Sdk::Node,
        "unreal" => Sdk::Unreal,
        "esp32" => Sdk::Esp32,
        "dotnet" => Sdk::Dotnet,
        _ => Sdk::Unknown,
    }
}

/// A comma-separated list of capability names; unknown ones are skipped.
fn capabilities(list: &str) -> Vec<i32> {
    list.split(',').filter_map(|name| client_info::Capability::from_str_name(name.trim())).map(i32::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_sdks_are_read_in_any_letter_case() {
        let info = from_query(&Query::parse("sdk=Python&protocol=17&client_protocol=2"));
        assert_eq!(info.sdk(), client_info::Sdk::Python);
        assert_eq!((info.protocol, info.client_protocol), (17, 2));
    }

    #[test]
    fn unknown_capabilities_are_skipped() {
        let info =
            from_query(&Query::parse("capabilities=CAP_PACKET_TRAILER,%20CAP_TELEPATHY,,CAP_COMPRESSION_DEFLATE_RAW"));
        assert_eq!(info.capabilities.len(), 2);
    }

    #[test]
    fn the_user_agent_fills_gaps_only() {
        let agent = Some("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0");
        let mut info = from_query(&Query::parse("sdk=js&os=Plan9"));
        augment(&mut info, agent, "192.0.2.1");
        assert_eq!((info.browser.as_str(), info.os.as_str(), info.address.as_str()), ("Firefox", "Plan9", "192.0.2.1"));
        let mut native = from_query(&Query::parse("sdk=rust"));
        augment(&mut native, agent, "");
        assert_eq!(native.browser, "");
    }
}
