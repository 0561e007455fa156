import eu.europa.esig.dss.model.DSSDocument;
import eu.europa.esig.dss.model.FileDocument;
import eu.europa.esig.dss.model.InMemoryDocument;
import eu.europa.esig.dss.simplereport.SimpleReport;
import eu.europa.esig.dss.spi.DSSUtils;
import eu.europa.esig.dss.spi.client.http.DSSFileLoader;
import eu.europa.esig.dss.spi.client.http.NativeHTTPDataLoader;
import eu.europa.esig.dss.spi.tsl.TrustedListsCertificateSource;
import eu.europa.esig.dss.spi.validation.CommonCertificateVerifier;
import eu.europa.esig.dss.spi.x509.CommonCertificateSource;
import eu.europa.esig.dss.spi.x509.CommonTrustedCertificateSource;
import eu.europa.esig.dss.spi.x509.revocation.crl.ExternalResourcesCRLSource;
import eu.europa.esig.dss.tsl.job.TLValidationJob;
import eu.europa.esig.dss.tsl.source.LOTLSource;
import eu.europa.esig.dss.tsl.sync.ExpirationAndSignatureCheckStrategy;
import eu.europa.esig.dss.validation.SignedDocumentValidator;
import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Arrays;
import java.util.Date;
import java.util.HashMap;
import java.util.Map;

/**
 * Judges seals with EU DSS. Arguments, by threes: a folder of anchors (.pem) and of
 * published revocation lists (.crl), a file, and the time to judge it at. In the
 * folder may be a folder lists, with the address of a list of trusted lists, which is
 * fetched with the lists that it points to, and its signers (.pem); nothing else is
 * fetched. Prints a line for each signature: file, indication, sub-indication, format,
 * qualification, best signature time. Where there is none the indication is
 * NO_SIGNATURE, and UNREADABLE where DSS does not read the file.
 */
public class Judge {
    private static final Map<String, TrustedListsCertificateSource> followed = new HashMap<>();

    public static void main(String[] args) throws Exception {
        ask(args);
        System.exit(0); // threads that fetched lists would wait for more
    }

    private static void ask(String[] args) throws Exception {
        for (int i = 0; i + 2 < args.length; i += 3) {
            CommonTrustedCertificateSource anchors = new CommonTrustedCertificateSource();
            for (File f : named(args[i], ".pem")) {
                anchors.addCertificate(DSSUtils.loadCertificate(f));
            }
            DSSDocument[] lists = Arrays.stream(named(args[i], ".crl")).map(FileDocument::new).toArray(DSSDocument[]::new);
            CommonCertificateVerifier verifier = new CommonCertificateVerifier();
            verifier.setTrustedCertSources(anchors);
            if (new File(args[i], "lists").isDirectory()) {
                verifier.addTrustedCertSources(follow(args[i] + "/lists"));
            }
            verifier.setCrlSource(new ExternalResourcesCRLSource(lists));
            verifier.setAIASource(null);
            String name = new File(args[i + 1]).getName();
            try {
                SignedDocumentValidator validator = SignedDocumentValidator.fromDocument(new FileDocument(args[i + 1]));
                validator.setCertificateVerifier(verifier);
                validator.setValidationTime(Date.from(Instant.parse(args[i + 2])));
                SimpleReport report = validator.validateDocument().getSimpleReport();
                for (String id : report.getSignatureIdList()) {
                    System.out.println(String.join("\t", name, String.valueOf(report.getIndication(id)),
                            String.valueOf(report.getSubIndication(id)), String.valueOf(report.getSignatureFormat(id)),
                            String.valueOf(report.getSignatureQualification(id)), report.getBestSignatureTime(id).toInstant().toString()));
                }
                if (report.getSignatureIdList().isEmpty()) {
                    System.out.println(String.join("\t", name, "NO_SIGNATURE", "null", "null", "null", args[i + 2]));
                }
            } catch (RuntimeException e) {
                System.out.println(String.join("\t", name, "UNREADABLE", "null", "null", "null", args[i + 2]));
            }
        }
    }

    /** The services of trusted lists whose signatures hold and that are not out of date. */
    private static TrustedListsCertificateSource follow(String folder) throws Exception {
        String address = Files.readString(Path.of(folder, "address")).trim();
        if (followed.containsKey(address)) {
            return followed.get(address);
        }
        CommonCertificateSource signers = new CommonCertificateSource();
        for (File f : named(folder, ".pem")) {
            signers.addCertificate(DSSUtils.loadCertificate(f));
        }
        LOTLSource lists = new LOTLSource();
        lists.setUrl(address);
        lists.setCertificateSource(signers);
        TrustedListsCertificateSource services = new TrustedListsCertificateSource();
        TLValidationJob job = new TLValidationJob();
        job.setListOfTrustedListSources(lists);
        job.setOnlineDataLoader((DSSFileLoader) url -> new InMemoryDocument(new NativeHTTPDataLoader().get(url), url));
        job.setSynchronizationStrategy(new ExpirationAndSignatureCheckStrategy());
        job.setTrustedListCertificateSource(services);
        job.onlineRefresh();
        followed.put(address, services);
        return services;
    }

    private static File[] named(String folder, String end) {
        File[] found = new File(folder).listFiles((dir, name) -> name.endsWith(end));
        return found == null ? new File[0] : found;
    }
}
