using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Conclave.Servers;
using Conclave.Storage;

namespace Conclave.Etcd.Tests;

/// <summary>Settings that do not fit are told at once, in words that say what to do.</summary>
public sealed class AccessTests
{
    [Fact]
    public async Task A_user_is_authenticated_and_its_token_renewed()
    {
        await using var cluster = await TestEtcd.StartAsync(arguments: ["--auth-token-ttl", "1"]);
        await using var early = cluster.Open("ns", o => o with { User = "ann", Password = "secret" });
        await early.PutAsync("x", default);
        await EnableUsersAsync(cluster);

        await using var store = cluster.Open("ns", o => o with { User = "ann", Password = "secret" });
        var session = (await store.OpenSessionAsync(TimeSpan.FromSeconds(10))).Id;
        await store.PutAsync("x", default, session);
        long revision = await store.PutAsync("x", default);
        await store.WaitForChangeAsync("x", revision - 1).InTime();

        // longer than the token lives
        await Task.Delay(TimeSpan.FromSeconds(4), TimeProvider.System);
        await store.PutAsync("x", default);
        Assert.True(await store.RenewSessionAsync(session));
        await store.CloseSessionAsync(session);

        // one that was there before users were asked for
        await early.PutAsync("x", default);

        await using var elsewhere = cluster.Open("other", o => o with { User = "ann", Password = "secret" });
        await RefusedAsync(elsewhere, "permission");
        await using var wrong = cluster.Open("ns", o => o with { User = "ann", Password = "wrong" });
        await RefusedAsync(wrong, "password");
        await using var nobody = cluster.Open("ns");
        await RefusedAsync(nobody, "user");
    }

    [Fact]
    public async Task A_user_is_authenticated_on_3_4_too()
    {
        await using var cluster = await TestEtcd.StartAsync("3.4", 3);
        await EnableUsersAsync(cluster);
        await using var store = cluster.Open("ns", o => o with { User = "ann", Password = "secret" });
        await using var client = new ConclaveClient(store);
        await using (var claim = await client.Lock("x").AcquireAsync())
        {
            Assert.True(claim.IsHeld);
        }

        await using var wrong = cluster.Open("ns", o => o with { User = "ann", Password = "wrong" });
        await RefusedAsync(wrong, "password");
    }

    [Fact]
    public async Task Certificates_are_checked_on_both_sides()
    {
        await using var cluster = await EtcdCluster.StartAsync(new() { Tls = Tls.Mutual, Fsync = false }, size: 1);
        string folder = cluster.Servers[0].TlsFolder;
        string ca = Path.Combine(folder, "ca.pem");
        string host = cluster.Hosts[0].ToString();
        string all = $"ca={ca}&cert={Path.Combine(folder, "client.pem")}&key={Path.Combine(folder, "client.key")}";
        await using var right = new EtcdStore($"etcd://{host}/tls?{all}");
        await right.PutAsync("x", default);
        Assert.NotNull(await right.GetAsync("x"));

        await using var noTrust = new EtcdStore($"etcd://{host}/tls?tls=true");
        await RefusedAsync(noTrust, "set ca");
        await using var noCertificate = new EtcdStore($"etcd://{host}/tls?ca={ca}");
        await RefusedAsync(noCertificate, "client certificate");
        await using var plain = new EtcdStore($"etcd://{host}/tls");
        await RefusedAsync(plain, "tls=true");
        await using var missing = new EtcdStore($"etcd://{host}/tls?ca=/no/such/file");
        await ConfigurationAsync(missing, "/no/such/file");
    }

    [Fact]
    public async Task Tls_to_a_plain_server_is_refused()
    {
        await using var cluster = await TestEtcd.StartAsync();
        await using var store = cluster.Open("x", o => o with { Tls = true });
        await RefusedAsync(store, "does not speak TLS");
    }

    [Fact]
    public async Task Where_nobody_listens_the_store_is_unavailable_at_once()
    {
        await using var one = new FaultProxy("127.0.0.1", 1);
        await using var two = new FaultProxy("127.0.0.1", 1);
        one.Refuse();
        two.Refuse();
        await using var store = new EtcdStore($"etcd://{one.Address},{two.Address}/x");
        var watch = Stopwatch.StartNew();
        var error = await Assert.ThrowsAsync<StoreUnavailableException>(async () => await store.PutAsync("x", default));
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(1.5), $"{watch.Elapsed}");
        Assert.Contains($"{one.Address}", error.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<StoreUnavailableException>(async () => await store.OpenSessionAsync(TimeSpan.FromSeconds(5)));
        await using var nameless = new EtcdStore("etcd://no-such-host.invalid/x");
        await Assert.ThrowsAsync<StoreUnavailableException>(async () => await nameless.GetAsync("x"));
    }

    [Theory]
    [InlineData("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")]
    [InlineData("SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n")]
    public async Task Another_kind_of_server_is_told_apart(string greeting)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var serving = Task.Run(async () =>
        {
            while (true)
            {
                using var client = await listener.AcceptTcpClientAsync();
                await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(greeting));
                await Task.WhenAny(client.GetStream().ReadAtLeastAsync(new byte[24], 24, false).AsTask(), Task.Delay(TimeSpan.FromSeconds(1), TimeProvider.System));
                client.Client.Shutdown(SocketShutdown.Send);
            }
        });
        await using (var store = new EtcdStore($"etcd://{listener.LocalEndpoint}/x"))
        {
            await ConfigurationAsync(store, "no etcd");
        }

        listener.Stop();
        await Record.ExceptionAsync(() => serving);
    }

    private static async Task EnableUsersAsync(EtcdCluster cluster)
    {
        foreach (string command in (string[])["user add root:root", "user grant-role root root", "user add ann:secret", "role add ns",
            "role grant-permission ns --prefix=true readwrite ns/", "user grant-role ann ns", "auth enable"])
        {
            await cluster.CtlAsync(command.Split(' '));
        }
    }

    private static async Task RefusedAsync(EtcdStore store, string words)
    {
        var watch = Stopwatch.StartNew();
        var error = await Assert.ThrowsAsync<StoreAccessException>(async () => await store.PutAsync("x", default));
        Assert.Contains(words, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", error.ToString(), StringComparison.Ordinal);
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(2), $"{watch.Elapsed}");
    }

    private static async Task ConfigurationAsync(EtcdStore store, string words)
    {
        var error = await Assert.ThrowsAsync<StoreConfigurationException>(async () => await store.PutAsync("x", default));
        Assert.Contains(words, error.Message, StringComparison.Ordinal);
    }
}
