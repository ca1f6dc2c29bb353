//! Which of two places wins when both say something: the command line and its environment, or the file.
//!
//! Owns that each setting is taken as a whole, lists too. Never reads either place.

use crate::config::settings::Settings;

impl Settings {
    /// These settings, and those of `file` where these say nothing.
    pub(super) fn over(self, file: Self) -> Self {
        Self {
            config: self.config,
            listen: self.listen.or(file.listen),
            servers: self.servers.or(file.servers),
            token: self.token.or(file.token),
            token_file: self.token_file.or(file.token_file),
            no_auth: self.no_auth.or(file.no_auth),
            jwt_issuer: self.jwt_issuer.or(file.jwt_issuer),
            jwt_audience: self.jwt_audience.or(file.jwt_audience),
            jwt_jwks: self.jwt_jwks.or(file.jwt_jwks),
            proxy_user_header: self.proxy_user_header.or(file.proxy_user_header),
            proxy_from: one_of(self.proxy_from, file.proxy_from),
            proxy_secret_file: self.proxy_secret_file.or(file.proxy_secret_file),
            allow_commands: self.allow_commands.or(file.allow_commands),
            allow_origin: one_of(self.allow_origin, file.allow_origin),
            allow_upstream: one_of(self.allow_upstream, file.allow_upstream),
            allow_header: one_of(self.allow_header, file.allow_header),
            upstream_proxy: self.upstream_proxy.or(file.upstream_proxy),
            upstream_ca: one_of(self.upstream_ca, file.upstream_ca),
            public_url: self.public_url.or(file.public_url),
            open: self.open.or(file.open),
            behind_tls_proxy: self.behind_tls_proxy.or(file.behind_tls_proxy),
            tls_cert: self.tls_cert.or(file.tls_cert),
            tls_key: self.tls_key.or(file.tls_key),
            metrics_token_file: self.metrics_token_file.or(file.metrics_token_file),
            trust_forwarded_for: one_of(self.trust_forwarded_for, file.trust_forwarded_for),
            runtime_file: self.runtime_file.or(file.runtime_file),
            sandbox: self.sandbox.or(file.sandbox),
            sandbox_write: one_of(self.sandbox_write, file.sandbox_write),
            sandbox_network: self.sandbox_network.or(file.sandbox_network),
            root: one_of(self.root, file.root),
            params_in_url: self.params_in_url.or(file.params_in_url),
            ticket_keys: self.ticket_keys.or(file.ticket_keys),
            deployment: self.deployment.or(file.deployment),
            node: self.node.or(file.node),
            log: self.log.or(file.log),
            audit_log: self.audit_log.or(file.audit_log),
            audit_required: self.audit_required.or(file.audit_required),
            audit_sync: self.audit_sync.or(file.audit_sync),
            limits: file.limits,
            token_in_arguments: self.token_in_arguments,
        }
    }
}

/// The first list that says anything.
fn one_of(list: Vec<String>, otherwise: Vec<String>) -> Vec<String> {
    if list.is_empty() { otherwise } else { list }
}
