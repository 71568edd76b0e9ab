//! TLS to the broker: whose certificates are believed, and what is wrong with one that is not.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, AlertDescription, CertificateError, ClientConfig, RootCertStore};

use crate::config::{MqttConfig, ValueError};

/// The TLS side of the connection; `None` where the broker is spoken to without.
///
/// # Errors
/// A file that cannot be read or does not hold what its key says.
pub(crate) fn client(config: &MqttConfig) -> Result<Option<Arc<ClientConfig>>, ValueError> {
    if !config.tls {
        return Ok(None);
    }
    let mut roots = RootCertStore::empty();
    match &config.ca_file {
        Some(path) => {
            for certificate in certificates("mqtt.ca_file", path)? {
                roots
                    .add(certificate)
                    .map_err(|why| ValueError::new("mqtt.ca_file", path, why.to_string()))?;
            }
        }
        None => {
            // What the system believes; single certificates that cannot be read are left out, as browsers do.
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            if roots.is_empty() {
                return Err(ValueError::new(
                    "mqtt.tls",
                    true,
                    "this system has no certificates of its own; name the broker's CA in mqtt.ca_file, or install ca-certificates",
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
                .map_err(|why| ValueError::new("mqtt.key_file", key, pem_fault(&why, "private key")))?;
            builder.with_client_auth_cert(chain, private).map_err(|why| {
                ValueError::new("mqtt.key_file", key, format!("it does not fit mqtt.certificate_file: {why}"))
            })?
        }
        _ => builder.with_no_client_auth(),
    };
    Ok(Some(Arc::new(client)))
}

fn certificates(key: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>, ValueError> {
    let bad = |why: &pem::Error| ValueError::new(key, path, pem_fault(why, "certificate"));
    let read = CertificateDer::pem_file_iter(path).map_err(|why| bad(&why))?;
    let found: Vec<_> = read.collect::<Result<_, _>>().map_err(|why| bad(&why))?;
    if found.is_empty() { Err(bad(&pem::Error::NoItemsFound)) } else { Ok(found) }
}

fn pem_fault(why: &pem::Error, wanted: &str) -> String {
    match why {
        pem::Error::Io(why) => format!("it cannot be read: {why}"),
        pem::Error::NoItemsFound => format!("there is no {wanted} in it; it takes a PEM file"),
        why => format!("it is not a PEM file with a {wanted}: {why}"),
    }
}

/// What TLS has against a connection, with the mend; `None` where it was something else.
pub(super) fn explain(error: &(dyn Error + 'static)) -> Option<String> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(fault) = error.downcast_ref::<rustls::Error>() {
            return Some(words(fault));
        }
        // The source of an I/O error is that of the error within it: the error within is passed over.
        let within = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        next = match within {
            Some(within) => Some(within),
            None => error.source(),
        };
    }
    None
}

fn words(fault: &rustls::Error) -> String {
    use AlertDescription as Alert;
    use CertificateError as Certificate;
    match fault {
        rustls::Error::InvalidCertificate(why) => match why {
            Certificate::Expired | Certificate::ExpiredContext { .. } => {
                "its certificate has expired; renew it on the broker, and see that this computer's clock is right".into()
            }
            Certificate::NotValidYet | Certificate::NotValidYetContext { .. } => {
                "its certificate is not valid yet; see that this computer's clock is right".into()
            }
            Certificate::UnknownIssuer => {
                "its certificate comes from no CA that is known here, or from itself; name its CA in mqtt.ca_file".into()
            }
            Certificate::NotValidForName => {
                "its certificate is for another host; write the name that stands in it in mqtt.host".into()
            }
            Certificate::NotValidForNameContext { presented, .. } => format!(
                "its certificate is for another host, {}; write the name that stands in it in mqtt.host",
                presented.join(", ")
            ),
            Certificate::Other(why) if format!("{why:?}").contains("CaUsedAsEndEntity") => {
                "its certificate is a CA's and no server's, as self-signed ones are; make it one that a CA has signed".into()
            }
            why => format!("its certificate is not valid: {why}"),
        },
        rustls::Error::AlertReceived(
            Alert::CertificateRequired | Alert::HandshakeFailure | Alert::BadCertificate,
        ) => "it asks for a client certificate that it knows; set mqtt.certificate_file and mqtt.key_file".into(),
        rustls::Error::AlertReceived(Alert::UnknownCA | Alert::CertificateExpired | Alert::CertificateUnknown) => {
            "it does not accept the certificate in mqtt.certificate_file".into()
        }
        rustls::Error::InvalidMessage(_) => {
            "it does not speak TLS at this port; set mqtt.port to its TLS port, often 8883, or mqtt.tls = false".into()
        }
        fault => format!("TLS fails: {fault}"),
    }
}
