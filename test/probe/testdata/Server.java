import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsParameters;
import com.sun.net.httpserver.HttpsServer;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;
import java.util.concurrent.Executors;
import java.util.zip.GZIPOutputStream;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.TrustManagerFactory;

/** A web site by Java's own server and TLS: Server.java FOLDER ADDRESS TLS12 TLS13 MUTUAL (ports). */
public class Server {
    static Path folder;

    public static void main(String[] args) throws Exception {
        folder = Path.of(args[0]);
        SSLContext context = context();
        listen(args[1], args[2], context, "TLSv1.2", false);
        listen(args[1], args[3], context, "TLSv1.3", false);
        listen(args[1], args[4], context, "TLSv1.3", true);
    }

    static SSLContext context() throws Exception {
        CertificateFactory x509 = CertificateFactory.getInstance("X.509");
        Certificate[] chain;
        Certificate root;
        try (InputStream full = new FileInputStream(folder.resolve("leaf.full").toFile());
                InputStream roots = new FileInputStream(folder.resolve("root.pem").toFile())) {
            chain = x509.generateCertificates(full).toArray(new Certificate[0]);
            root = x509.generateCertificate(roots);
        }
        String pem = Files.readString(folder.resolve("leaf.key")).replaceAll("-----[A-Z ]+-----|\\s", "");
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(null, null);
        store.setKeyEntry("leaf", KeyFactory.getInstance("EC").generatePrivate(new PKCS8EncodedKeySpec(Base64.getDecoder().decode(pem))),
                new char[0], chain);
        KeyManagerFactory keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        keys.init(store, new char[0]);
        KeyStore trusted = KeyStore.getInstance("PKCS12");
        trusted.load(null, null);
        trusted.setCertificateEntry("root", root);
        TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(trusted);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(keys.getKeyManagers(), trust.getTrustManagers(), null);
        return context;
    }

    static void listen(String address, String port, SSLContext context, String version, boolean mutual) throws IOException {
        HttpsServer server = HttpsServer.create(new InetSocketAddress(address, Integer.parseInt(port)), 0);
        server.setHttpsConfigurator(new HttpsConfigurator(context) {
            @Override
            public void configure(HttpsParameters parameters) {
                SSLParameters tls = context.getDefaultSSLParameters();
                tls.setProtocols(new String[] {version});
                tls.setNeedClientAuth(mutual);
                parameters.setSSLParameters(tls);
            }
        });
        server.createContext("/", Server::respond);
        server.setExecutor(Executors.newCachedThreadPool());
        server.start();
    }

    static void respond(HttpExchange exchange) throws IOException {
        try (exchange) {
            String path = exchange.getRequestURI().getPath();
            String cookie = exchange.getRequestHeaders().getFirst("Cookie");
            boolean seen = cookie != null && cookie.contains("seen=1");
            if (path.equals("/moved") || path.equals("/wall") && !seen) {
                exchange.getResponseHeaders().set("Location", path.equals("/wall") ? "/wall" : "/");
                if (path.equals("/wall")) {
                    exchange.getResponseHeaders().set("Set-Cookie", "seen=1; Path=/; Secure; HttpOnly");
                }
                exchange.sendResponseHeaders(path.equals("/wall") ? 302 : 301, -1);
                return;
            }
            Path file = folder.resolve("www").resolve(path.equals("/") || path.equals("/wall") ? "index.html" : path.substring(1));
            if (path.equals("/error") || !Files.exists(file)) {
                byte[] text = "an error\n".getBytes();
                exchange.sendResponseHeaders(path.equals("/error") ? 500 : 404, text.length);
                exchange.getResponseBody().write(text);
                return;
            }
            String accepted = exchange.getRequestHeaders().getFirst("Accept-Encoding");
            if (path.endsWith(".txt") && accepted != null && accepted.contains("gzip")) {
                exchange.getResponseHeaders().set("Content-Encoding", "gzip");
                exchange.sendResponseHeaders(200, 0);
                try (GZIPOutputStream body = new GZIPOutputStream(exchange.getResponseBody())) {
                    Files.copy(file, body);
                }
                return;
            }
            exchange.sendResponseHeaders(200, Files.size(file));
            Files.copy(file, exchange.getResponseBody());
        }
    }
}
