//! Browser and operating system from a User-Agent header, as far as the
//! signaling needs them.

/// What a User-Agent header says. Families are named as in LiveKit, whose
/// quirks compare them; versions are `major.minor.patch`, shortened where the
/// header is; all empty when unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct UserAgent {
    pub(super) browser: String,
    pub(super) browser_version: String,
    pub(super) os: String,
    pub(super) os_version: String,
}

impl UserAgent {
    /// Reads a header value. Unknown agents leave the fields empty.
    pub(super) fn parse(header: &str) -> Self {
        let (browser, browser_version) = browser(header);
        let (os, os_version) = operating_system(header);
        Self { browser: browser.to_owned(), browser_version, os: os.to_owned(), os_version }
    }
}

/// Product tokens in the order that tells browsers apart: those that pretend to
/// be another come before it.
const PRODUCTS: [(&str, &str); 9] = [
    ("OBS-Studio/", "OBS Studio"),
    ("Edg/", "Edge"),
    ("EdgA/", "Edge Mobile"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("FxiOS/", "Firefox iOS"),
    ("CriOS/", "Chrome Mobile iOS"),
    ("HeadlessChrome/", "HeadlessChrome"),
    ("Electron/", "Electron"),
];

fn browser(header: &str) -> (&'static str, String) {
    for (token, family) in PRODUCTS {
        if let Some(version) = version_after(header, token) {
            return (family, version);
        }
    }
    let mobile = header.contains("Mobile");
    if let Some(version) = version_after(header, "Firefox/") {
        let handheld = header.contains("Android") || mobile;
        return (if handheld { "Firefox Mobile" } else { "Firefox" }, version);
    }
    if let Some(version) = version_after(header, "Chrome/") {
        let handheld = header.contains("Android") && mobile;
        return (if handheld { "Chrome Mobile" } else { "Chrome" }, version);
    }
    if header.contains("Safari/")
        && let Some(version) = version_after(header, "Version/")
    {
        return (if mobile { "Mobile Safari" } else { "Safari" }, version);
    }
    ("", String::new())
}

fn operating_system(header: &str) -> (&'static str, String) {
    const TOKENS: [(&str, &str); 6] = [
        ("Android ", "Android"),
        ("iPhone OS ", "iOS"),
        ("CPU OS ", "iOS"),
        ("CrOS ", "Chrome OS"),
        ("Mac OS X ", "Mac OS X"),
        ("Windows NT ", "Windows"),
    ];
    for (token, family) in TOKENS {
        if let Some(version) = version_after(header, token) {
            // Windows 10 and 11 both say 10.0; LiveKit shows the major alone.
            let version = match version.strip_suffix(".0") {
                Some(major) if family == "Windows" => major.to_owned(),
                _ => version,
            };
            return (family, version);
        }
    }
    for (token, family) in
        [("Android", "Android"), ("Ubuntu", "Ubuntu"), ("Fedora", "Fedora"), ("Linux", "Linux"), ("Windows", "Windows")]
    {
        if header.contains(token) {
            return (family, String::new());
        }
    }
    ("", String::new())
}

/// The dotted or underscored number after `token`, three parts at most.
fn version_after(header: &str, token: &str) -> Option<String> {
    let start = header.find(token)? + token.len();
    let text: String = header
        .get(start..)?
        .chars()
        .take_while(|c| c.is_ascii_digit() || matches!(c, '.' | '_'))
        .map(|c| if c == '_' { '.' } else { c })
        .take(32)
        .collect();
    let parts: Vec<&str> = text.split('.').filter(|part| !part.is_empty()).take(3).collect();
    Some(parts.join("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_browsers_that_matter_are_told_apart() {
        let cases = [
            (
                "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
                ("Firefox", "140.0", "Linux", ""),
            ),
            (
                "Mozilla/5.0 (Android 14; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0",
                ("Firefox Mobile", "140.0", "Android", "14"),
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.4 Safari/605.1.15",
                ("Safari", "18.4", "Mac OS X", "10.15.7"),
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Safari/537.36",
                ("Chrome", "139.0.0", "Windows", "10"),
            ),
            ("Mozilla/5.0 (OBS-Studio/30.1.2; Linux x86_64)", ("OBS Studio", "30.1.2", "Linux", "")),
            ("", ("", "", "", "")),
        ];
        for (header, (browser, browser_version, os, os_version)) in cases {
            let agent = UserAgent::parse(header);
            assert_eq!(
                (agent.browser.as_str(), agent.browser_version.as_str(), agent.os.as_str(), agent.os_version.as_str()),
                (browser, browser_version, os, os_version),
                "{header}"
            );
        }
    }
}
