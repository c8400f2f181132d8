using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Conclave.Servers;

/// <summary>A time server that serves the clock of this machine, as of stratum 8, and never sets it.</summary>
public sealed class ChronyServer : Server
{
    private readonly int _port;
    private readonly SteppedClock? _clock;

    private ChronyServer(ServerBinary binary, SteppedClock? clock)
        : base(binary, new(1))
    {
        _clock = clock;
        using var socket = new UdpClient(new IPEndPoint(IPAddress.Loopback, 0));
        _port = ((IPEndPoint)socket.Client.LocalEndPoint!).Port;
    }

    /// <summary>Its port, of UDP.</summary>
    public new int Port => _port;

    /// <summary>Starts a server, and waits until it serves time.</summary>
    /// <param name="clock">The wall clock that it sees and serves; null for the machine's own.</param>
    /// <param name="cancellationToken">Ends the start.</param>
    /// <exception cref="ServerMissingException">chrony is not on this machine.</exception>
    public static Task<ChronyServer> StartAsync(SteppedClock? clock = null, CancellationToken cancellationToken = default)
    {
        var binary = ServerBinaries.Require("chrony-4");
        return Readiness.StartAsync(() => new ChronyServer(binary, clock), server => server.StartAsync(cancellationToken));
    }

    private protected override IEnumerable<string> CommandLine()
    {
        string config = Path.Combine(Folder, "chrony.conf");
        File.WriteAllText(
            config,
            $"""
            port {_port.ToString(CultureInfo.InvariantCulture)}
            bindaddress {Host}
            allow 127.0.0.1
            cmdport 0
            bindcmdaddress /
            pidfile {Folder}/pid
            local stratum 8

            """);
        // -x: the clock is left alone; -U: root is not needed, and not asked for
        return [.. SteppedClock.Prefix(_clock), .. Binary.Program("chronyd"), "-x", "-U", "-d", "-u", Environment.UserName, "-f", config];
    }

    private protected override async Task<bool> ProbeAsync(CancellationToken cancellationToken)
    {
        using var client = new UdpClient();
        client.Connect(Host, _port);
        byte[] question = new byte[48];
        // version 4, mode 3: a client asks
        question[0] = 0x23;
        await client.SendAsync(question, cancellationToken);
        // a question that was lost, or refused because nobody listens yet, is asked again
        using var soon = new CancellationTokenSource(TimeSpan.FromMilliseconds(200), TimeProvider.System);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(soon.Token, cancellationToken);
        var answer = await client.ReceiveAsync(either.Token);
        return answer.Buffer is { Length: >= 48 } packet && packet[1] is > 0 and < 16;
    }
}
