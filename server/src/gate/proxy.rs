//! A proxy in front of the bridge that says who asks.
//!
//! Owns what the proxy has to show before it is believed. Never passes over the header of somebody else: whoever sends
//! it without being the proxy is refused.

use std::net::IpAddr;

use ipnet::IpNet;
use poem::http::HeaderMap;
use poem::http::HeaderName;
use poem::http::header::InvalidHeaderName;

use crate::config::auth::Proxy;
use crate::gate::credentials::Digest;
use crate::gate::only;
use crate::gate::peers::is_in;
use crate::principal::Principal;

/// The header in which the proxy shows that it is the proxy.
const SECRET: HeaderName = HeaderName::from_static("x-footbridge-proxy-secret");

/// What the proxy has to show.
#[derive(Debug)]
pub(super) struct Rule {
    user: HeaderName,
    from: Vec<IpNet>,
    secret: Digest,
}

impl Rule {
    /// What a proxy of these settings has to show.
    ///
    /// # Errors
    /// When the header has no proper name.
    pub(super) fn new(proxy: &Proxy) -> Result<Self, InvalidHeaderName> {
        Ok(Self {
            user: HeaderName::from_bytes(proxy.user_header.as_bytes())?,
            from: proxy.from.clone(),
            secret: Digest::of(proxy.secret.expose()),
        })
    }

    /// Whether a request claims to come through the proxy.
    pub(super) fn is_claimed(&self, headers: &HeaderMap) -> bool {
        headers.contains_key(&self.user) || headers.contains_key(SECRET)
    }

    /// Who asks; `None` when the proxy does not know either, or the request does not claim to come through it.
    ///
    /// # Errors
    /// A sentence when it is not the proxy that says so.
    pub(super) fn user(
        &self,
        headers: &HeaderMap,
        tcp: IpAddr,
    ) -> Result<Option<Principal>, String> {
        if !self.is_claimed(headers) {
            return Ok(None);
        }
        // Both are judged before either is told of, and in the same words.
        let secret = only(headers, &SECRET).ok().flatten();
        let knows = secret.is_some_and(|secret| self.secret.is_of(secret));
        if !is_in(&self.from, tcp) || !knows {
            return Err("Only the bridge's proxy may say who asks.".to_owned());
        }
        let user = only(headers, &self.user)
            .map_err(|()| format!("The header {} cannot be read.", self.user))?;
        user.map(|user| Principal::behind_proxy(user.trim()))
            .transpose()
            .map_err(|problem| format!("The header {} {problem}.", self.user))
    }
}

#[cfg(test)]
mod tests {
    use footbridge_shared::params::Secret;

    use super::*;

    const KEY: &str = "the-secret-of-the-proxy";

    fn rule() -> Rule {
        Rule::new(&Proxy {
            user_header: "x-forwarded-user".to_owned(),
            from: vec!["10.0.0.0/8".parse().unwrap()],
            secret: Secret::new(KEY),
        })
        .unwrap()
    }

    fn user(tcp: &str, lines: &[(&'static str, &str)]) -> Result<Option<String>, String> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        let user = rule().user(&headers, tcp.parse().unwrap())?;
        Ok(user.map(|principal| principal.as_str().to_owned()))
    }

    #[test]
    fn the_proxy_is_believed_and_may_know_nobody() {
        let secret = ("x-footbridge-proxy-secret", KEY);
        let ann = ("x-forwarded-user", "ann@a.example");
        assert_eq!(
            user("10.1.1.1", &[secret, ann]),
            Ok(Some("proxy ann@a.example".to_owned()))
        );
        assert_eq!(user("10.1.1.1", &[secret]), Ok(None));
        assert_eq!(user("10.1.1.1", &[]), Ok(None));
        assert_eq!(user("192.0.2.1", &[]), Ok(None));
    }

    #[test]
    fn anybody_else_is_refused_and_not_taken_for_nobody() {
        let secret = ("x-footbridge-proxy-secret", KEY);
        let ann = ("x-forwarded-user", "ann");
        for (tcp, lines) in [
            ("192.0.2.1", vec![secret, ann]),
            ("192.0.2.1", vec![secret]),
            ("192.0.2.1", vec![ann]),
            ("10.1.1.1", vec![ann]),
            ("10.1.1.1", vec![ann, ("x-footbridge-proxy-secret", "")]),
            (
                "10.1.1.1",
                vec![ann, ("x-footbridge-proxy-secret", "the-secret")],
            ),
            ("10.1.1.1", vec![ann, secret, secret]),
            ("10.1.1.1", vec![secret, ann, ("x-forwarded-user", "root")]),
            ("10.1.1.1", vec![secret, ("x-forwarded-user", "")]),
            ("10.1.1.1", vec![secret, ("x-forwarded-user", "ä")]),
        ] {
            let refused = user(tcp, &lines).unwrap_err();
            assert!(
                !refused.contains(KEY) && !refused.contains("root"),
                "{refused}"
            );
        }
    }
}
