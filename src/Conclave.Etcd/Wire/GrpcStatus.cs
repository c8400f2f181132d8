using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;

namespace Conclave.Etcd;

/// <summary>The status of a gRPC call, as it comes in the trailers or, without a body, in the headers.</summary>
internal static class GrpcStatus
{
    /// <summary>Throws unless the call succeeded.</summary>
    /// <exception cref="RpcException">The server answered with an error, or with something that is not gRPC.</exception>
    public static void Check(HttpResponseMessage response)
    {
        if ((TryRead(response.TrailingHeaders, out var code, out string message) || TryRead(response.Headers, out code, out message)) && code == RpcCode.Ok)
        {
            return;
        }

        throw code == RpcCode.Ok ? Missing(response) : new RpcException(code, message);
    }

    /// <summary>Throws when the headers say already that no message will follow, or that this is not gRPC.</summary>
    /// <exception cref="RpcException">The server answered with an error, or with something that is not gRPC.</exception>
    public static void CheckHeaders(HttpResponseMessage response)
    {
        if (TryRead(response.Headers, out var code, out string message) && code != RpcCode.Ok)
        {
            throw new RpcException(code, message);
        }

        string? type = response.Content.Headers.ContentType?.MediaType;
        if (response.StatusCode != HttpStatusCode.OK || type is null || !type.StartsWith("application/grpc", StringComparison.Ordinal))
        {
            throw Missing(response);
        }
    }

    /// <summary>Undoes the percent-encoding of grpc-message.</summary>
    public static string Decode(string message)
    {
        if (!message.Contains('%', StringComparison.Ordinal))
        {
            return message;
        }

        var bytes = new List<byte>(message.Length);
        for (int i = 0; i < message.Length; i++)
        {
            if (message[i] == '%' && i + 2 < message.Length
                && byte.TryParse(message.AsSpan(i + 1, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out byte escaped))
            {
                bytes.Add(escaped);
                i += 2;
            }
            else
            {
                bytes.Add((byte)message[i]);
            }
        }

        return Encoding.UTF8.GetString([.. bytes]);
    }

    private static bool TryRead(HttpHeaders headers, out RpcCode code, out string message)
    {
        (code, message) = (RpcCode.Ok, "");
        if (!headers.NonValidated.TryGetValues("grpc-status", out var status))
        {
            return false;
        }

        code = int.TryParse(status.ToString(), NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? (RpcCode)number : RpcCode.Unknown;
        message = headers.NonValidated.TryGetValues("grpc-message", out var text) ? Decode(text.ToString()) : $"gRPC status {number}";
        return true;
    }

    // a proxy in between answers like this when it cannot reach the server: then it is no proof of anything
    private static RpcException Missing(HttpResponseMessage response) => (int)response.StatusCode is 429 or >= 502 and <= 504
        ? new(RpcCode.Unavailable, $"HTTP {(int)response.StatusCode} without a gRPC status")
        : new(RpcFailure.NotEtcd, wasSent: true, $"the answer is HTTP {(int)response.StatusCode} without a gRPC status");
}
