using System.Globalization;

namespace Conclave.Cli.Output;

/// <summary>How holders, waiters and times look to people.</summary>
internal static class Describe
{
    /// <summary><c>host:pid label</c>, as far as it is known.</summary>
    public static string Who(Contender contender)
    {
        string where = contender is { Host: null, ProcessId: null } ? "unknown"
            : string.Create(CultureInfo.InvariantCulture, $"{contender.Host ?? "?"}:{contender.ProcessId}");
        return contender.Label is { } label ? $"{where} {label}" : where;
    }

    /// <summary>Local time; the day only when it is another one.</summary>
    public static string When(DateTimeOffset? moment, TimeProvider time)
    {
        if (moment is not { } since)
        {
            return "-";
        }

        var local = TimeZoneInfo.ConvertTime(since, time.LocalTimeZone);
        return local.ToString(local.Date == time.GetLocalNow().Date ? "HH:mm:ss" : "yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture);
    }

    /// <summary><c>since 12:03:15 (2m10s)</c>, or nothing.</summary>
    public static string SinceWhen(DateTimeOffset? moment, TimeProvider time)
    {
        if (moment is not { } since)
        {
            return "";
        }

        var age = time.GetUtcNow() - since;
        return age < TimeSpan.Zero ? $" since {When(since, time)}" : $" since {When(since, time)} ({Duration.Format(age)})";
    }
}
