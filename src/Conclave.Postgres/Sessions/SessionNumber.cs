using System.Globalization;
using System.Security.Cryptography;
using Conclave.Storage;

namespace Conclave.Postgres;

/// <summary>Session ids are random: a counter could count again after a crash.</summary>
internal static class SessionNumber
{
    public static long New()
    {
        long number;
        do
        {
            number = BitConverter.ToInt64(RandomNumberGenerator.GetBytes(8)) & long.MaxValue;
        }
        while (number == 0);
        return number;
    }

    public static SessionId ToId(long number) => new(number.ToString("x16", CultureInfo.InvariantCulture));

    public static bool TryParse(SessionId id, out long number) =>
        long.TryParse(id.Value, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out number) && number > 0 && ToId(number) == id;
}
