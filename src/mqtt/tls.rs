//! TLS to the broker: which certificates are trusted, and what is wrong when a handshake fails.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, AlertDescription, CertificateError, ClientConfig, RootCertStore};

use crate::config::{MqttConfig, ValueError};

/// Reads the certificates and makes the TLS settings of the connection; `None` if `mqtt.tls` is false.
///
/// # Errors
/// A file that cannot be read or does not contain what its key requires, with the key and the path.
pub(crate) fn client(config: &MqttConfig) -> Result<Option<Arc<ClientConfig>>, ValueError> {
    if !config.tls {
        return Ok(None);
    }
    let mut roots = RootCertStore::empty();
    match &config.ca_file {
        Some(path) => {
            for certificate in certificates("mqtt.ca_file", path)? {
                roots.add(certificate).map_err(|why| {
                    let fix =
                        format!("it has a certificate that cannot be used ({why}); replace that certificate");
                    ValueError::new("mqtt.ca_file", path, fix)
                })?;
            }
        }
        None => {
            // The certificates that the system trusts. Like browsers, this ignores single ones that cannot be
            // read.
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            if roots.is_empty() {
                return Err(ValueError::new(
                    "mqtt.tls",
                    true,
                    "this system trusts no certificate; set mqtt.ca_file to the certificate of the broker's \
                     CA, or install the package ca-certificates",
                ));
            }
        }
    }
    let versions = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|why| ValueError::new("mqtt.tls", true, why.to_string()))?;
    let builder = versions.with_root_certificates(roots);
    let client = match (&config.certificate_file, &config.key_file) {
        (Some(certificate), Some(key)) => {
            let chain = certificates("mqtt.certificate_file", certificate)?;
            let private = PrivateKeyDer::from_pem_file(key)
                .map_err(|why| ValueError::new("mqtt.key_file", key, explain_pem(&why, "private key")))?;
            builder.with_client_auth_cert(chain, private).map_err(|why| {
                let fix = format!(
                    "it does not belong to the certificate in mqtt.certificate_file ({why}); set both to \
                     files of one pair"
                );
                ValueError::new("mqtt.key_file", key, fix)
            })?
        }
        _ => builder.with_no_client_auth(),
    };
    Ok(Some(Arc::new(client)))
}

/// Reads the certificates of a PEM file; there is at least one, and the file has an end.
fn certificates(key: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>, ValueError> {
    let bad = |why: &pem::Error| ValueError::new(key, path, explain_pem(why, "certificate"));
    let text = std::fs::read(path).map_err(|why| bad(&pem::Error::Io(why)))?;
    let read = CertificateDer::pem_slice_iter(&text);
    let found: Vec<_> = read.collect::<Result<_, _>>().map_err(|why| bad(&why))?;
    if found.is_empty() {
        return Err(bad(&pem::Error::NoItemsFound));
    }
    // The parser ignores a last line that is only the start of the line that begins a certificate.
    let last = text.trim_ascii_end().rsplit(|byte| *byte == b'\n').next().unwrap_or_default().trim_ascii();
    if last.starts_with(b"-") && !last.starts_with(b"-----END ") {
        return Err(bad(&pem::Error::MissingSectionEnd { end_marker: b"CERTIFICATE".into() }));
    }
    Ok(found)
}

/// Says in plain words why a PEM file cannot be used and how to fix it.
fn explain_pem(why: &pem::Error, wanted: &str) -> String {
    match why {
        pem::Error::Io(why) => format!("the file cannot be read: {why}; check its path and its permissions"),
        pem::Error::MissingSectionEnd { .. } | pem::Error::IllegalSectionStart { .. } => {
            format!(
                "the file ends in the middle of a {wanted}, as if it was not written to its end; write it again"
            )
        }
        pem::Error::NoItemsFound => format!("the file has no {wanted}; set it to a PEM file with one"),
        why => format!("the file is not valid PEM ({why}); set it to a PEM file with a {wanted}"),
    }
}

/// Says in plain words why TLS failed and how to fix it; `None` if the error has nothing to do with TLS.
pub(super) fn explain(error: &(dyn Error + 'static)) -> Option<String> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(fault) = error.downcast_ref::<rustls::Error>() {
            return Some(explain_tls(fault));
        }
        // `source` of an I/O error skips the error inside it, so the inner error is looked at first.
        let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        next = match inner {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}

fn explain_tls(fault: &rustls::Error) -> String {
    use AlertDescription as Alert;
    match fault {
        rustls::Error::InvalidCertificate(why) => explain_certificate(why),
        rustls::Error::AlertReceived(
            Alert::CertificateRequired | Alert::HandshakeFailure | Alert::BadCertificate,
        ) => "the broker requires a client certificate that it knows; set mqtt.certificate_file and \
              mqtt.key_file"
            .into(),
        rustls::Error::AlertReceived(
            Alert::UnknownCA | Alert::CertificateExpired | Alert::CertificateUnknown,
        ) => {
            "the broker does not accept the certificate in mqtt.certificate_file; set one that the broker's \
              CA has signed and that has not expired"
                .into()
        }
        rustls::Error::InvalidMessage(_) => {
            "the broker does not use TLS on this port; set mqtt.port to its TLS port, often 8883, or set \
             mqtt.tls = false"
                .into()
        }
        fault => format!("{fault}; look at the broker's log"),
    }
}

fn explain_certificate(why: &CertificateError) -> String {
    match why {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "the broker's certificate has expired; renew it on the broker, and check that this computer's \
             clock is right"
                .into()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the broker's certificate is not valid yet; check that this computer's clock is right".into()
        }
        CertificateError::UnknownIssuer => {
            "the broker's certificate is not signed by a CA that this computer trusts; set mqtt.ca_file to \
             the certificate of its CA"
                .into()
        }
        CertificateError::NotValidForName => {
            "the broker's certificate is for another host; set mqtt.host to the name in the \
             certificate"
                .into()
        }
        CertificateError::NotValidForNameContext { presented, .. } => format!(
            "the broker's certificate is for another host, {}; set mqtt.host to the name in the certificate",
            presented.join(", ")
        ),
        // The library has no variant of its own for this.
        CertificateError::Other(why) if format!("{why:?}").contains("CaUsedAsEndEntity") => {
            "the broker's certificate is that of a CA, as self-signed ones often are, and not of a server; \
             give the broker a certificate that a CA has signed"
                .into()
        }
        why => format!("the broker's certificate is not valid: {why}; replace it on the broker"),
    }
}
