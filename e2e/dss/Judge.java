import eu.europa.esig.dss.model.DSSDocument;
import eu.europa.esig.dss.model.FileDocument;
import eu.europa.esig.dss.simplereport.SimpleReport;
import eu.europa.esig.dss.spi.DSSUtils;
import eu.europa.esig.dss.spi.validation.CommonCertificateVerifier;
import eu.europa.esig.dss.spi.x509.CommonTrustedCertificateSource;
import eu.europa.esig.dss.spi.x509.revocation.crl.ExternalResourcesCRLSource;
import eu.europa.esig.dss.validation.SignedDocumentValidator;
import java.io.File;
import java.time.Instant;
import java.util.Arrays;
import java.util.Date;

/**
 * Judges seals with EU DSS, offline. Arguments, by threes: a folder of anchors
 * (.pem) and of published revocation lists (.crl), a file, and the time to judge it
 * at. Prints a line for each signature: file, indication, sub-indication, format,
 * best signature time.
 */
public class Judge {
    public static void main(String[] args) throws Exception {
        for (int i = 0; i + 2 < args.length; i += 3) {
            CommonTrustedCertificateSource anchors = new CommonTrustedCertificateSource();
            for (File f : named(args[i], ".pem")) {
                anchors.addCertificate(DSSUtils.loadCertificate(f));
            }
            DSSDocument[] lists = Arrays.stream(named(args[i], ".crl")).map(FileDocument::new).toArray(DSSDocument[]::new);
            CommonCertificateVerifier verifier = new CommonCertificateVerifier();
            verifier.setTrustedCertSources(anchors);
            verifier.setCrlSource(new ExternalResourcesCRLSource(lists));
            verifier.setAIASource(null);
            SignedDocumentValidator validator = SignedDocumentValidator.fromDocument(new FileDocument(args[i + 1]));
            validator.setCertificateVerifier(verifier);
            validator.setValidationTime(Date.from(Instant.parse(args[i + 2])));
            SimpleReport report = validator.validateDocument().getSimpleReport();
            for (String id : report.getSignatureIdList()) {
                System.out.println(String.join("\t", new File(args[i + 1]).getName(), String.valueOf(report.getIndication(id)),
                        String.valueOf(report.getSubIndication(id)), String.valueOf(report.getSignatureFormat(id)),
                        report.getBestSignatureTime(id).toInstant().toString()));
            }
        }
    }

    private static File[] named(String folder, String end) {
        File[] found = new File(folder).listFiles((dir, name) -> name.endsWith(end));
        return found == null ? new File[0] : found;
    }
}
