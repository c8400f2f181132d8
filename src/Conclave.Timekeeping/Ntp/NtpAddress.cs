using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Conclave.Timekeeping;

/// <summary>Where a server is, as it was written: <c>host</c>, <c>host:port</c>, <c>address</c>, <c>[address]:port</c>.</summary>
internal sealed record NtpAddress(string Text, string Host, int Port)
{
    private const int DefaultPort = 123;

    /// <summary>The address, if it is one and no name.</summary>
    public IPAddress? Literal { get; } = IPAddress.TryParse(Host, out var address) ? address : null;

    /// <summary>Reads what somebody wrote.</summary>
    /// <exception cref="ArgumentException">It names no server.</exception>
    public static NtpAddress Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        string trimmed = text.Trim();
        var (host, port) = Split(trimmed);
        bool isAddress = IPAddress.TryParse(host, out var address);
        if (Uri.CheckHostName(host) is UriHostNameType.Unknown || (isAddress && address!.AddressFamily == AddressFamily.InterNetwork && host.Count(c => c == '.') != 3))
        {
            throw new ArgumentException($"'{text}' is no time server. Write a name or an address, with a port if it is not 123: time.example.org, 192.0.2.1:1123, [2001:db8::1]:1123.", nameof(text));
        }

        if (port is null)
        {
            return new(trimmed, host, DefaultPort);
        }

        return int.TryParse(port, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number is >= 1 and <= 65535
            ? new(trimmed, host, number)
            : throw new ArgumentException($"The port of the time server '{text}' must be from 1 to 65535.", nameof(text));
    }

    private static (string Host, string? Port) Split(string text)
    {
        if (text.StartsWith('['))
        {
            int end = text.IndexOf(']', StringComparison.Ordinal);
            return end < 0 ? (text, null)
                : end == text.Length - 1 ? (text[1..end], null)
                : text[end + 1] == ':' ? (text[1..end], text[(end + 2)..])
                : ("", null);
        }

        // more than one colon is an IPv6 address without a port
        int colon = text.IndexOf(':', StringComparison.Ordinal);
        return colon < 0 || text.LastIndexOf(':') != colon ? (text, null) : (text[..colon], text[(colon + 1)..]);
    }
}
