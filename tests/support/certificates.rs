//! Certificates for tests: a certificate authority (CA) and the certificates that it signs.

use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};

/// The paths of a certificate and its key, as PEM files.
pub(crate) struct Files {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    folder: PathBuf,
    pub(crate) certificate: PathBuf,
}

impl Authority {
    /// A CA that writes all its files into this folder.
    pub(crate) fn new(folder: &Path) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "a test's CA");
        let certificate = folder.join("ca.crt");
        std::fs::write(&certificate, params.self_signed(&key).unwrap().pem()).unwrap();
        Self { issuer: Issuer::new(params, key), folder: folder.to_owned(), certificate }
    }

    /// The lines of a broker's configuration that name this CA and the broker's own certificate.
    pub(crate) fn listener(&self, files: &Files) -> String {
        let Files { certificate, key } = files;
        let (ca, certificate, key) = (self.certificate.display(), certificate.display(), key.display());
        format!("cafile {ca}\ncertfile {certificate}\nkeyfile {key}\n")
    }

    /// A certificate for a host or a client.
    pub(crate) fn sign(&self, name: &str) -> Files {
        self.signed(name, name, |_| {})
    }

    /// A certificate that has expired.
    pub(crate) fn sign_expired(&self, name: &str) -> Files {
        self.signed("expired", name, |params| params.not_after = date_time_ymd(2001, 1, 1))
    }

    fn signed(&self, file: &str, name: &str, change: impl Fn(&mut CertificateParams)) -> Files {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        change(&mut params);
        let certificate = params.signed_by(&key, &self.issuer).unwrap().pem();
        self.write(file, &certificate, &key)
    }

    /// A certificate that is signed only by itself.
    pub(crate) fn self_signed(&self, name: &str) -> Files {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec![name.to_owned()]).unwrap().self_signed(&key).unwrap();
        self.write("self-signed", &certificate.pem(), &key)
    }

    fn write(&self, file: &str, certificate: &str, key: &KeyPair) -> Files {
        use std::os::unix::fs::PermissionsExt;
        let path = |end: &str| self.folder.join(format!("{file}.{end}"));
        let files = Files { certificate: path("crt"), key: path("key") };
        std::fs::write(&files.certificate, certificate).unwrap();
        std::fs::write(&files.key, key.serialize_pem()).unwrap();
        std::fs::set_permissions(&files.key, std::fs::Permissions::from_mode(0o600)).unwrap();
        files
    }
}
